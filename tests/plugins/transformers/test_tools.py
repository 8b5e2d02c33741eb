"""Tools and reasoning, with a response template."""

from __future__ import annotations

import json

import pytest

from budwood import Client
from budwood.errors import BadResponseError, UnsupportedError
from budwood.types import Capability, ReasoningDelta, TextDelta, ToolCallDelta
from tests.tiny_model import CHAT_TEMPLATE, RESPONSE_TEMPLATE, WINDOW, save_tiny_model

CALL = '{"name": "weather", "arguments": {"city": "Oslo"}}'


def weather(city: str) -> str:
    """Return the weather."""
    return f"Rain in {city}."


@pytest.fixture
def caller(parrot):
    """
    A model that generates reasoning and a tool call.
    """
    return parrot(
        "<think>", "Hm", ", rain?", "</think>", "<call>", CALL, "</call>", response_template=RESPONSE_TEMPLATE
    )


def test_tool_calls_are_parsed(caller):
    """
    A tool call is not part of the text, has an id, and is the finish reason.
    """
    with Client(f"transformers/{caller}") as client:
        reply = client.ask("Weather?", temperature=0, tools=[weather], execute_tools=False)

    [call] = reply.tool_calls
    assert (call.name, call.parse_arguments()) == ("weather", {"city": "Oslo"})
    assert call.id
    assert reply.text == ""
    assert reply.reasoning == "Hm, rain?"
    assert (reply.finish_reason, reply.raw_finish_reason) == ("tool_calls", "eos")


def test_reasoning_and_calls_are_streamed(caller):
    """
    Reasoning is streamed incrementally, a tool call when it is complete.
    """
    with (
        Client(f"transformers/{caller}") as client,
        client.stream("Weather?", temperature=0, tools=[weather], execute_tools=False) as stream,
    ):
        events = list(stream)

    assert [event.text for event in events if isinstance(event, ReasoningDelta)] == ["Hm", ", rain?"]
    assert [event.name for event in events if isinstance(event, ToolCallDelta)] == ["weather"]


def test_tool_calls_and_results_are_in_the_prompt(local, caller):
    """
    The next prompt contains the tools, the calls and their results.
    """
    from budwood.types import ChatRequest, Message, TextPart, ToolCallPart, ToolDefinition, ToolResultPart
    from budwood_transformers.prompts import PromptEncoder, encode_prompt
    from tests.tiny_model import tiny_tokenizer

    tool = ToolDefinition(name="weather", description="Say it.", parameters={"type": "object"})
    call = ToolCallPart(id="1", name="weather", arguments='{"city": "Oslo"}')
    broken = ToolCallPart(id="2", name="weather", arguments="{nonsense")
    messages = (
        Message(role="developer", parts=(TextPart(text="Be brief."),)),
        Message.user("Weather?"),
        Message(role="assistant", parts=(TextPart(text="Wait."), call, broken)),
        Message.tool(
            ToolResultPart(call_id="1", name="weather", content="Rain."),
            ToolResultPart(call_id="2", name="weather", content="What?"),
        ),
    )
    tokenizer = tiny_tokenizer()

    request = ChatRequest(model="m", messages=messages, tools=(tool,))
    prompt = tokenizer.decode(encode_prompt(PromptEncoder(tokenizer), request).tokens)

    assert prompt.startswith("<|system|>Be brief.<|end|><|user|>Weather?<|end|><|assistant|>Wait.")
    assert '<call>{"name": "weather", "arguments": {"city": "Oslo"}}</call>' in prompt
    assert '"arguments": {"INVALID_JSON": "{nonsense"}' in prompt
    assert "<|end|><|tool|>Rain.<|end|><|tool|>What?<|end|>" in prompt
    definitions = json.loads(prompt.partition("<|tools|>")[2].partition("<|end|>")[0])
    assert definitions == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Say it.", "parameters": {"type": "object"}},
        }
    ]


def test_tool_loop_runs(parrot):
    """
    The tool loop calls the function and then the model again.
    """
    cities = []

    def look(city: str) -> str:
        """Look."""
        cities.append(city)
        return "Rain."

    call = '{"name": "look", "arguments": {"city": "Oslo"}}'
    folder = parrot("<call>", call, "</call>", response_template=RESPONSE_TEMPLATE)
    from budwood.errors import ToolLoopError

    with Client(f"transformers/{folder}") as client, pytest.raises(ToolLoopError) as caught:
        client.ask("Weather?", temperature=0, tools=[look], max_tool_rounds=2)  # the model always generates this call

    assert cities == ["Oslo", "Oslo"]
    ids = [call.id for message in caught.value.response.messages for call in message.tool_calls]
    assert len(set(ids)) == 3


def test_response_template_setting_is_used(parrot, tmp_path):
    """
    The setting `response_template` is used for tokenizers without one.
    """
    path = tmp_path / "response.json"
    path.write_text(json.dumps(RESPONSE_TEMPLATE))
    folder = parrot("<call>", CALL, "</call>")
    settings = {"providers": {"transformers": {"response_template": str(path)}}}

    with Client(f"transformers/{folder}", settings=settings) as client:
        reply = client.ask("Weather?", temperature=0, tools=[weather], execute_tools=False)

    assert [call.name for call in reply.tool_calls] == ["weather"]


def test_tools_require_a_response_template(caller, tiny_folder):
    """
    Without a response template the model has no tool capability, and a request with tools raises an error.
    """
    with Client(f"transformers/{tiny_folder}") as client:
        assert {Capability.TOOLS, Capability.REASONING}.isdisjoint(client.capabilities())
        assert Capability.TOOLS in client.capabilities(f"transformers/{caller}")
        with pytest.raises(UnsupportedError, match="does not support tools"):
            client.ask("Weather?", tools=[weather])


def test_chat_template_without_tools_is_an_error(parrot):
    """
    A chat template that ignores tools raises UnsupportedError.
    """
    template = CHAT_TEMPLATE.replace("tools", "nothing")
    folder = parrot("<call>", CALL, "</call>", response_template=RESPONSE_TEMPLATE, chat_template=template)

    with Client(f"transformers/{folder}") as client, pytest.raises(UnsupportedError, match="does not support tools"):
        client.ask("Weather?", tools=[weather])


@pytest.mark.parametrize(
    ("choice", "count", "action"),
    [("auto", 2, None), ("none", 0, None), ("required", 2, "dropped"), ("weather", 1, "changed")],
)
def test_tool_choice_selects_the_offered_tools(local, choice, count, action):
    """
    The tool choice selects the tools in the prompt; an adaptation reports choices that cannot be enforced.
    """
    from budwood.types import ChatRequest, Message, NamedTool, ToolDefinition
    from budwood_transformers.prompts import tools_for_template

    tools = tuple(ToolDefinition(name=name, parameters={}) for name in ("weather", "time"))
    tool_choice = NamedTool(name=choice) if choice == "weather" else choice
    request = ChatRequest(model="m", messages=(Message.user("?"),), tools=tools, tool_choice=tool_choice)

    assert len(tools_for_template(request)) == count
    assert [adaptation.action for adaptation in local().adaptations(request)] == ([action] if action else [])


def test_tool_call_with_invalid_json_is_an_error(parrot):
    """
    A tool call that is not valid JSON raises BadResponseError.
    """
    folder = parrot("<call>", "{weather", "</call>", response_template=RESPONSE_TEMPLATE)

    with Client(f"transformers/{folder}") as client, pytest.raises(BadResponseError, match="response template"):
        client.ask("Weather?", temperature=0, tools=[weather], execute_tools=False)


def test_malformed_region_is_an_error():
    """
    Malformed regions, which later releases of the library report as events, raise an error.
    """
    from budwood_transformers.replies import TemplateReader

    class Parser:
        initial_events = ()

        def feed(self, text):
            return [{"type": "region_malformed", "field": "tool_calls"}]

    with pytest.raises(ValueError, match="tool_calls"):
        list(TemplateReader(Parser(), "id").add("<call>"))


def test_truncated_tool_call_is_omitted(parrot):
    """
    A tool call that is truncated at `max_tokens` is omitted, with the finish reason ``length``.
    """
    folder = parrot("Let me see.", "<call>", CALL, "</call>", response_template=RESPONSE_TEMPLATE)

    with Client(f"transformers/{folder}") as client:
        reply = client.ask("Weather?", temperature=0, tools=[weather], execute_tools=False, max_tokens=3)

    assert (reply.text, reply.tool_calls, reply.finish_reason) == ("Let me see.", (), "length")


def test_stop_strings_apply_to_text_only(parrot):
    """
    A stop string in reasoning does not end the reply.
    """
    folder = parrot("<think>", "END?", "</think>", "So: ", "EN", "D no", response_template=RESPONSE_TEMPLATE)

    with Client(f"transformers/{folder}") as client, client.stream("?", temperature=0, stop=["END"]) as stream:
        text = "".join(event.text for event in stream if isinstance(event, TextDelta))

    assert text == "So: "
    assert stream.response.reasoning == "END?"
    assert stream.response.raw_finish_reason == "stop_string"


def test_response_template_handles_random_tokens(tmp_path):
    """
    Random tokens cause no error in the parser.
    """
    folder = save_tiny_model(tmp_path / "random", response_template=RESPONSE_TEMPLATE)

    with Client(f"transformers/{folder}") as client:
        reply = client.ask("?", seed=5, max_tokens=WINDOW)

    assert reply.usage.total_tokens <= WINDOW
