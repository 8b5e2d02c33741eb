"""Tools and reasoning, for tokenizers whose response template tells them from text."""

from __future__ import annotations

import json

import pytest

from budwood import Client
from budwood.errors import BadResponseError, UnsupportedError
from budwood.types import Capability, ReasoningDelta, TextDelta, ToolCallDelta
from tests.tiny_model import CHAT_TEMPLATE, RESPONSE_TEMPLATE, WINDOW, save_tiny_model

CALL = '{"name": "weather", "arguments": {"city": "Oslo"}}'


def weather(city: str) -> str:
    """Say what the weather is."""
    return f"Rain in {city}."


@pytest.fixture
def caller(parrot):
    """
    A model that thinks, calls a tool, and ends.
    """
    return parrot(
        "<think>", "Hm", ", rain?", "</think>", "<call>", CALL, "</call>", response_template=RESPONSE_TEMPLATE
    )


def test_tool_calls_are_told_from_text(caller):
    """
    The call is complete, with an id, and is no text; the reply ends because of it.
    """
    with Client(f"transformers/{caller}") as client:
        reply = client.ask("Weather?", temperature=0, tools=[weather], execute_tools=False)

    [call] = reply.tool_calls
    assert (call.name, call.parse_arguments()) == ("weather", {"city": "Oslo"})
    assert call.id.startswith("call_")
    assert reply.text == ""
    assert reply.reasoning == "Hm, rain?"
    assert (reply.finish_reason, reply.raw_finish_reason) == ("tool_calls", "eos")


def test_reasoning_and_calls_are_streamed(caller):
    """
    Each piece of reasoning comes as it is written, the call when it is complete.
    """
    with (
        Client(f"transformers/{caller}") as client,
        client.stream("Weather?", temperature=0, tools=[weather], execute_tools=False) as stream,
    ):
        events = list(stream)

    assert [event.text for event in events if isinstance(event, ReasoningDelta)] == ["Hm", ", rain?"]
    assert [event.name for event in events if isinstance(event, ToolCallDelta)] == ["weather"]


def test_results_of_tools_and_calls_reach_the_template(local, caller):
    """
    The next prompt holds the call, its result, and the tools.
    """
    from budwood.types import ChatRequest, Message, TextPart, ToolCallPart, ToolDefinition, ToolResultPart
    from budwood_transformers.prompts import encode_prompt
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

    written = tokenizer.decode(encode_prompt(tokenizer, ChatRequest(model="m", messages=messages, tools=(tool,))))

    assert written.startswith("<|system|>Be brief.<|end|><|user|>Weather?<|end|><|assistant|>Wait.")
    assert '<call>{"name": "weather", "arguments": {"city": "Oslo"}}</call>' in written
    assert '"arguments": "{nonsense"' in written
    assert "<|end|><|tool|>Rain.<|end|><|tool|>What?<|end|>" in written
    offered = json.loads(written.partition("<|tools|>")[2].partition("<|end|>")[0])
    assert offered == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Say it.", "parameters": {"type": "object"}},
        }
    ]


def test_tools_are_run_and_their_results_read(parrot):
    """
    The loop of tools works as with any vendor: the model is asked again after the function ran.
    """
    asked = []

    def look(city: str) -> str:
        """Look."""
        asked.append(city)
        return "Rain."

    call = '{"name": "look", "arguments": {"city": "Oslo"}}'
    folder = parrot("<call>", call, "</call>", response_template=RESPONSE_TEMPLATE)
    from budwood.errors import ToolLoopError

    with Client(f"transformers/{folder}") as client, pytest.raises(ToolLoopError) as caught:
        client.ask("Weather?", temperature=0, tools=[look], max_tool_rounds=2)  # this model can say nothing else

    assert asked == ["Oslo", "Oslo"]
    ids = [call.id for message in caught.value.response.messages for call in message.tool_calls]
    assert len(set(ids)) == 3


def test_response_template_can_come_from_the_settings(parrot, tmp_path):
    """
    Tokenizers that bring none can be given one.
    """
    path = tmp_path / "response.json"
    path.write_text(json.dumps(RESPONSE_TEMPLATE))
    folder = parrot("<call>", CALL, "</call>")
    settings = {"providers": {"transformers": {"response_template": str(path)}}}

    with Client(f"transformers/{folder}", settings=settings) as client:
        reply = client.ask("Weather?", temperature=0, tools=[weather], execute_tools=False)

    assert [call.name for call in reply.tool_calls] == ["weather"]


def test_tools_are_claimed_only_where_they_can_be_read(caller, tiny_folder):
    """
    Without a response template a call could not be told from text, so it is refused before anything is loaded.
    """
    with Client(f"transformers/{tiny_folder}") as client:
        assert {Capability.TOOLS, Capability.REASONING}.isdisjoint(client.capabilities())
        assert Capability.TOOLS in client.capabilities(f"transformers/{caller}")
        with pytest.raises(UnsupportedError, match="does not support tools"):
            client.ask("Weather?", tools=[weather])


def test_template_without_a_place_for_tools_is_said(parrot):
    """
    A template that would drop them in silence is an error.
    """
    template = CHAT_TEMPLATE.replace("tools", "nothing")
    folder = parrot("<call>", CALL, "</call>", response_template=RESPONSE_TEMPLATE, chat_template=template)

    with Client(f"transformers/{folder}") as client, pytest.raises(UnsupportedError, match="no place for tools"):
        client.ask("Weather?", tools=[weather])


@pytest.mark.parametrize(
    ("choice", "offered", "receipt"),
    [("auto", 2, None), ("none", 0, None), ("required", 2, "dropped"), ("weather", 1, "changed")],
)
def test_choice_of_tools_is_honoured_as_far_as_a_template_can(local, choice, offered, receipt):
    """
    A receipt says where the model may do otherwise.
    """
    from budwood.types import ChatRequest, Message, NamedTool, ToolDefinition
    from budwood_transformers.prompts import tools_for_template

    tools = tuple(ToolDefinition(name=name, parameters={}) for name in ("weather", "time"))
    chosen = NamedTool(name=choice) if choice == "weather" else choice
    request = ChatRequest(model="m", messages=(Message.user("?"),), tools=tools, tool_choice=chosen)

    assert len(tools_for_template(request)) == offered
    assert [made.action for made in local().adaptations(request)] == ([receipt] if receipt else [])


def test_call_that_is_no_json_is_an_error_that_can_be_repeated(parrot):
    """
    No half call is handed on as if it were one.
    """
    folder = parrot("<call>", "{weather", "</call>", response_template=RESPONSE_TEMPLATE)

    with Client(f"transformers/{folder}") as client, pytest.raises(BadResponseError, match="response template"):
        client.ask("Weather?", temperature=0, tools=[weather], execute_tools=False)


def test_stretch_that_the_parser_calls_malformed_is_an_error():
    """
    Later releases of the library report it by an event; it is not lost in silence.
    """
    from budwood_transformers.replies import TemplateReader

    class Parser:
        initial_events = ()

        def feed(self, text):
            return [{"type": "region_malformed", "field": "tool_calls"}]

    with pytest.raises(ValueError, match="tool_calls"):
        list(TemplateReader(Parser(), "id").add("<call>"))


def test_call_that_was_cut_off_is_left_out(parrot):
    """
    The reply says that it ran out of tokens.
    """
    folder = parrot("Let me see.", "<call>", CALL, "</call>", response_template=RESPONSE_TEMPLATE)

    with Client(f"transformers/{folder}") as client:
        reply = client.ask("Weather?", temperature=0, tools=[weather], execute_tools=False, max_tokens=3)

    assert (reply.text, reply.tool_calls, reply.finish_reason) == ("Let me see.", (), "length")


def test_stop_strings_look_at_text_alone(parrot):
    """
    Reasoning may hold one.
    """
    folder = parrot("<think>", "END?", "</think>", "So: ", "EN", "D no", response_template=RESPONSE_TEMPLATE)

    with Client(f"transformers/{folder}") as client, client.stream("?", temperature=0, stop=["END"]) as stream:
        text = "".join(event.text for event in stream if isinstance(event, TextDelta))

    assert text == "So: "
    assert stream.response.reasoning == "END?"
    assert stream.response.raw_finish_reason == "stop_string"


def test_long_replies_with_a_response_template_end_with_the_window(tmp_path):
    """
    Random tokens through the parser: no error, whatever comes.
    """
    folder = save_tiny_model(tmp_path / "random", response_template=RESPONSE_TEMPLATE)

    with Client(f"transformers/{folder}") as client:
        reply = client.ask("?", seed=5, max_tokens=WINDOW)

    assert reply.usage.total_tokens <= WINDOW
