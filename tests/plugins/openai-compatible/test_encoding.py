from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import UnsupportedError
from budwood.types import (
    ChatRequest,
    ImagePart,
    Message,
    ModelRules,
    NamedTool,
    OutputSchema,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
    VendorTool,
)
from budwood_openai_compatible.encoding import MessageDialect, encode_messages

OURS = "my-server"
TOOL = ToolDefinition(name="f", description="Does.", parameters={"type": "object"}, strict=True)


def sent(provider, *messages, stream=False, **parameters):
    """
    Encode a request and read its body.
    """
    request = ChatRequest(model="m", messages=messages or (Message.user("Hello"),), **parameters)
    return json.loads(provider.encode(request, stream=stream).body)


def test_a_plain_request(speaker):
    """
    Nothing is sent that was not asked for.
    """
    call = speaker().encode(ChatRequest(model="m", messages=(Message.user("Hello"),)), stream=False)

    assert (call.method, call.url) == ("POST", "http://localhost:8000/v1/chat/completions")
    assert json.loads(call.body) == {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    assert call.adaptations == ()


def test_all_parameters(speaker):
    """
    Each parameter of a request has its field.
    """
    plain = {
        "temperature": 0.0,
        "top_p": 1.0,
        "max_tokens": 9,
        "seed": 0,
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
        "reasoning_effort": "low",
        "parallel_tool_calls": False,
    }
    body = sent(speaker(), **plain, stop=("a", "b"), extra={"top_k": 3})

    assert body == {"model": "m", "messages": body["messages"], **plain, "stop": ["a", "b"], "top_k": 3}


def test_a_stream_asks_for_its_usage(speaker):
    """
    Streams report usage only on demand; a server that refuses the demand is not asked.
    """
    assert sent(speaker(), stream=True)["stream_options"] == {"include_usage": True}
    silent = sent(speaker(lacks={"stream_options"}), stream=True)
    assert silent["stream"] is True
    assert "stream_options" not in silent


def test_tools_and_what_must_be_called(speaker):
    """
    Tools, a choice among them, and the schema of the reply stand in OpenAI's form.
    """
    schema = OutputSchema(name="out", json_schema={"type": "object"}, strict=True)
    body = sent(speaker(), tools=(TOOL,), tool_choice=NamedTool(name="f"), output_schema=schema)

    function = {"name": "f", "description": "Does.", "parameters": {"type": "object"}, "strict": True}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["response_format"]["json_schema"] == {"name": "out", "schema": {"type": "object"}, "strict": True}
    assert sent(speaker(), tools=(TOOL,), tool_choice="required")["tool_choice"] == "required"


def test_a_choice_that_the_server_lacks_is_dropped_with_a_receipt(speaker):
    """
    Nothing is dropped in silence.
    """
    request = ChatRequest(model="m", messages=(Message.user("Hi"),), tools=(TOOL,), tool_choice="required")
    call = speaker(lacks={"tool_choice"}).encode(request, stream=False)

    assert "tool_choice" not in json.loads(call.body)
    assert [(receipt.parameter, receipt.action) for receipt in call.adaptations] == [("tool_choice", "dropped")]


@pytest.mark.parametrize("extra", [{}, {"reasoning_effort": "high"}])
def test_rules_of_a_model_rename_and_drop(speaker, extra):
    """
    What a rule of the model renames or drops is sent so, with a receipt for each.
    """
    rules = ModelRules(
        renames={"max_tokens": "max_completion_tokens"}, refuses_unless_effort_none=frozenset({"temperature"})
    )
    request = ChatRequest(model="m", messages=(Message.user("Hi"),), max_tokens=9, temperature=0.5, **extra)
    call = speaker(rules).encode(request, stream=False)
    body = json.loads(call.body)

    assert body["max_completion_tokens"] == 9
    assert not {"max_tokens", "temperature"} & set(body)
    assert {(receipt.parameter, receipt.action) for receipt in call.adaptations} == {
        ("max_tokens", "renamed"),
        ("temperature", "dropped"),
    }


def test_what_is_refused_while_it_reasons_is_sent_while_it_does_not(speaker):
    """
    With effort ``none`` a model takes what it refuses otherwise.
    """
    rules = ModelRules(refuses_unless_effort_none=frozenset({"temperature"}))

    assert sent(speaker(rules), temperature=0.5, reasoning_effort="none")["temperature"] == 0.5


def test_names_of_the_server_need_no_receipt(speaker):
    """
    Settings rename parameters for all models of a server.
    """
    provider = speaker(max_tokens_parameter="max_completion_tokens", renames={"seed": "random_seed"})
    request = ChatRequest(model="m", messages=(Message.user("Hi"),), max_tokens=9, seed=1)
    call = provider.encode(request, stream=False)

    assert json.loads(call.body).items() >= {"max_completion_tokens": 9, "random_seed": 1}.items()
    assert call.adaptations == ()


@pytest.mark.parametrize(
    ("role", "expected"),
    [("system", ["system"] * 2), ("developer", ["developer"] * 2), (None, ["system", "developer"])],
)
def test_the_role_of_instructions(speaker, role, expected):
    """
    Instructions go under the role that the server wants; by default under ``system``, which all know.
    """
    instructions = (Message.system("Be brief."), Message(role="developer", parts=(TextPart(text="Be kind."),)))

    assert [message["role"] for message in sent(speaker(system_role=role), *instructions)["messages"]] == expected
    assert {message["role"] for message in sent(speaker(), *instructions)["messages"]} == {"system"}


def test_a_conversation_with_tools(speaker):
    """
    Calls go back with their ids, and each result becomes a message of its own.
    """
    called = Message(role="assistant", parts=tuple(ToolCallPart(id=i, name="f", arguments="{}") for i in "ab"))
    results = Message.tool(*(ToolResultPart(call_id=i, name="f", content=i.upper()) for i in "ab"))

    assistant, *tools = sent(speaker(), Message.user("Hi"), called, results)["messages"][1:]
    assert assistant["content"] is None
    assert [call["id"] for call in assistant["tool_calls"]] == ["a", "b"]
    assert assistant["tool_calls"][0] == {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert tools == [{"role": "tool", "tool_call_id": i, "content": i.upper()} for i in "ab"]


def test_names_of_speakers(speaker):
    """
    A message's name is sent with it, whoever speaks.
    """
    speakers = [Message(role=role, parts=(TextPart(text="x"),), name="ada") for role in ("system", "user", "assistant")]

    assert [message["name"] for message in sent(speaker(), *speakers)["messages"]] == ["ada"] * 3


def test_an_assistant_that_said_nothing(speaker):
    """
    Null is taken only beside tool calls: an empty message is an empty text; reasoning stays here, a refusal goes back.
    """
    silent = Message(role="assistant", parts=(ReasoningPart(text="hm"),))
    refusing = Message(role="assistant", parts=(RefusalPart(text="No."),))

    assert sent(speaker(), silent)["messages"] == [{"role": "assistant", "content": ""}]
    assert sent(speaker(), refusing)["messages"] == [{"role": "assistant", "content": None, "refusal": "No."}]


def test_images_are_addresses(speaker):
    """
    An image goes as its address, or as a data URL of its bytes.
    """
    images = ImagePart(url="https://example.org/a.png", detail="low"), ImagePart(data=b"PNG", media_type="image/png")
    text, first, second = sent(speaker(), Message.user("Look.", *images))["messages"][0]["content"]

    assert text == {"type": "text", "text": "Look."}
    assert first == {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}}
    assert second == {"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H"}}


def test_parts_of_a_vendor_go_back_to_it_alone(speaker):
    """
    A user's part of this vendor is sent as it is, another vendor's is left out.
    """
    audio = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}
    parts = [VendorPart(provider=vendor, kind="input_audio", data=audio) for vendor in (OURS, "gemini")]

    assert sent(speaker(), Message.user("Hear.", *parts))["messages"][0]["content"][1:] == [audio]
    assert sent(speaker(), Message.user("Hear.", parts[1]))["messages"][0]["content"] == "Hear."


def test_what_a_vendor_wants_back_is_put_together_again(speaker):
    """
    What a stream brought in pieces goes back whole: audio by its id, details of reasoning in one list.
    """
    pieces = [
        ("audio", {"id": "audio_1"}),
        ("audio", {"data": "UklG"}),
        ("reasoning_details", [{"text": "2"}]),
        ("reasoning_details", [{"text": "and 2"}]),
        ("annotations", [{"url": "u"}]),
    ]
    said = Message(
        role="assistant", parts=tuple(VendorPart(provider=OURS, kind=kind, data=data) for kind, data in pieces)
    )

    written = sent(speaker(), said)["messages"][0]
    assert written["audio"] == {"id": "audio_1"}
    assert written["reasoning_details"] == [{"text": "2"}, {"text": "and 2"}]
    assert "annotations" not in written


def test_tools_of_the_vendor_itself(speaker):
    """
    Tools in the vendor's own form come after ours; those of another vendor are left out, with a receipt.
    """
    own = VendorTool(provider=OURS, data={"type": "custom", "custom": {"name": "run"}})
    other = VendorTool(provider="anthropic", data={"type": "web_search_20250305"})
    request = ChatRequest(model="m", messages=(Message.user("Hello"),), tools=(TOOL,), vendor_tools=(own, other))

    call = speaker().encode(request, stream=False)

    assert [tool["type"] for tool in json.loads(call.body)["tools"]] == ["function", "custom"]
    assert [receipt.parameter for receipt in call.adaptations] == ["vendor_tools"]


def test_a_plain_completion(speaker):
    """
    The text is the prompt, and the bound keeps its name whatever the model calls it in a chat.
    """
    rules = ModelRules(renames={"max_tokens": "max_completion_tokens"})
    request = ChatRequest(model="m", messages=(Message.user("Once upon"),), max_tokens=5)

    call = speaker(rules).encode_completion(request, stream=True)

    assert call.url == "http://localhost:8000/v1/completions"
    assert json.loads(call.body) == {
        "model": "m",
        "prompt": "Once upon",
        "max_tokens": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_user_cannot_say_a_tool_call(speaker):
    """
    A part that has no form in a user's message is refused before anything is sent.
    """
    with pytest.raises(UnsupportedError, match="tool_call"):
        sent(speaker(), Message(role="user", parts=(ToolCallPart(id="a", name="f"),)))


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_texts_are_sent_as_they_are(texts):
    """
    Text parts alone become one text, unchanged in any script.
    """
    written = encode_messages(
        [Message(role="user", parts=tuple(TextPart(text=text) for text in texts))], MessageDialect(OURS)
    )

    assert written == [{"role": "user", "content": "".join(texts)}]
