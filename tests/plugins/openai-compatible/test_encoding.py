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


def encode(provider, *messages, stream=False, **parameters):
    """
    Encode a request, and parse its body.
    """
    request = ChatRequest(model="m", messages=messages or (Message.user("Hello"),), **parameters)
    return json.loads(provider.encode(request, stream=stream).body)


def test_plain_request(new_provider):
    """
    Only the parameters of the request are sent.
    """
    call = new_provider().encode(ChatRequest(model="m", messages=(Message.user("Hello"),)), stream=False)

    assert (call.method, call.url) == ("POST", "http://localhost:8000/v1/chat/completions")
    assert json.loads(call.body) == {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    assert call.adaptations == ()


def test_all_parameters(new_provider):
    """
    Each parameter of a request has a field.
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
    body = encode(new_provider(), **plain, stop=("a", "b"), extra={"top_k": 3})

    assert body == {"model": "m", "messages": body["messages"], **plain, "stop": ["a", "b"], "top_k": 3}


def test_stream_requests_usage(new_provider):
    """
    A stream requests usage, unless the settings say that the server rejects that.
    """
    assert encode(new_provider(), stream=True)["stream_options"] == {"include_usage": True}
    without_usage = encode(new_provider(lacks={"stream_options"}), stream=True)
    assert without_usage["stream"] is True
    assert "stream_options" not in without_usage


def test_tools_and_tool_choice(new_provider):
    """
    Tools, the tool choice and the output schema are in OpenAI's form.
    """
    schema = OutputSchema(name="out", json_schema={"type": "object"}, strict=True)
    body = encode(new_provider(), tools=(TOOL,), tool_choice=NamedTool(name="f"), output_schema=schema)

    function = {"name": "f", "description": "Does.", "parameters": {"type": "object"}, "strict": True}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["response_format"]["json_schema"] == {"name": "out", "schema": {"type": "object"}, "strict": True}
    assert encode(new_provider(), tools=(TOOL,), tool_choice="required")["tool_choice"] == "required"


def test_unsupported_tool_choice_is_reported(new_provider):
    """
    A tool choice that the server does not support is not sent, and reported as an adaptation.
    """
    request = ChatRequest(model="m", messages=(Message.user("Hi"),), tools=(TOOL,), tool_choice="required")
    call = new_provider(lacks={"tool_choice"}).encode(request, stream=False)

    assert "tool_choice" not in json.loads(call.body)
    assert [(adaptation.parameter, adaptation.action) for adaptation in call.adaptations] == [
        ("tool_choice", "dropped")
    ]


@pytest.mark.parametrize("extra", [{}, {"reasoning_effort": "high"}])
def test_model_rules_rename_and_drop(new_provider, extra):
    """
    Parameters that the rules of the model rename or drop are reported as adaptations.
    """
    rules = ModelRules(
        renames={"max_tokens": "max_completion_tokens"}, refuses_unless_effort_none=frozenset({"temperature"})
    )
    request = ChatRequest(model="m", messages=(Message.user("Hi"),), max_tokens=9, temperature=0.5, **extra)
    call = new_provider(rules).encode(request, stream=False)
    body = json.loads(call.body)

    assert body["max_completion_tokens"] == 9
    assert not {"max_tokens", "temperature"} & set(body)
    assert {(adaptation.parameter, adaptation.action) for adaptation in call.adaptations} == {
        ("max_tokens", "renamed"),
        ("temperature", "dropped"),
    }


def test_parameters_rejected_during_reasoning(new_provider):
    """
    Parameters that the model rejects during reasoning are sent with the effort ``none``.
    """
    rules = ModelRules(refuses_unless_effort_none=frozenset({"temperature"}))

    assert encode(new_provider(rules), temperature=0.5, reasoning_effort="none")["temperature"] == 0.5


def test_renames_of_settings_are_not_reported(new_provider):
    """
    Renames in the settings apply to all models, and are not reported as adaptations.
    """
    provider = new_provider(max_tokens_parameter="max_completion_tokens", renames={"seed": "random_seed"})
    request = ChatRequest(model="m", messages=(Message.user("Hi"),), max_tokens=9, seed=1)
    call = provider.encode(request, stream=False)

    assert json.loads(call.body).items() >= {"max_completion_tokens": 9, "random_seed": 1}.items()
    assert call.adaptations == ()


@pytest.mark.parametrize(
    ("role", "expected"),
    [("system", ["system"] * 2), ("developer", ["developer"] * 2), (None, ["system", "developer"])],
)
def test_system_role(new_provider, role, expected):
    """
    System messages have the role of the settings, which is ``system`` by default.
    """
    instructions = (Message.system("Be brief."), Message(role="developer", parts=(TextPart(text="Be kind."),)))

    assert [
        message["role"] for message in encode(new_provider(system_role=role), *instructions)["messages"]
    ] == expected
    assert {message["role"] for message in encode(new_provider(), *instructions)["messages"]} == {"system"}


def test_tool_conversation(new_provider):
    """
    Calls are sent with their ids, and each result is a message.
    """
    called = Message(role="assistant", parts=tuple(ToolCallPart(id=i, name="f", arguments="{}") for i in "ab"))
    results = Message.tool(*(ToolResultPart(call_id=i, name="f", content=i.upper()) for i in "ab"))

    assistant, *tools = encode(new_provider(), Message.user("Hi"), called, results)["messages"][1:]
    assert assistant["content"] is None
    assert [call["id"] for call in assistant["tool_calls"]] == ["a", "b"]
    assert assistant["tool_calls"][0] == {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert tools == [{"role": "tool", "tool_call_id": i, "content": i.upper()} for i in "ab"]


def test_message_names(new_provider):
    """
    The name of a message is sent, for every role.
    """
    messages = [Message(role=role, parts=(TextPart(text="x"),), name="ada") for role in ("system", "user", "assistant")]

    assert [message["name"] for message in encode(new_provider(), *messages)["messages"]] == ["ada"] * 3


def test_empty_assistant_message(new_provider):
    """
    Content is null only with tool calls, otherwise an empty text. Reasoning without data is not sent; a refusal is.
    """
    reasoning = Message(role="assistant", parts=(ReasoningPart(text="hm"),))
    refusal = Message(role="assistant", parts=(RefusalPart(text="No."),))

    assert encode(new_provider(), reasoning)["messages"] == [{"role": "assistant", "content": ""}]
    assert encode(new_provider(), refusal)["messages"] == [{"role": "assistant", "content": None, "refusal": "No."}]


def test_images_are_sent_as_urls(new_provider):
    """
    An image is sent as its URL, or as a data URL of its bytes.
    """
    images = ImagePart(url="https://example.org/a.png", detail="low"), ImagePart(data=b"PNG", media_type="image/png")
    text, first, second = encode(new_provider(), Message.user("Look.", *images))["messages"][0]["content"]

    assert text == {"type": "text", "text": "Look."}
    assert first == {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}}
    assert second == {"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H"}}


def test_vendor_parts_are_sent_only_to_their_vendor(new_provider):
    """
    A vendor part of this vendor is sent unchanged, and one of another vendor is not sent.
    """
    audio = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}
    parts = [VendorPart(provider=vendor, kind="input_audio", data=audio) for vendor in (OURS, "gemini")]

    assert encode(new_provider(), Message.user("Hear.", *parts))["messages"][0]["content"][1:] == [audio]
    assert encode(new_provider(), Message.user("Hear.", parts[1]))["messages"][0]["content"] == "Hear."


def test_returned_fields_are_joined(new_provider):
    """
    Fields received in several parts of a stream are returned joined: reasoning details as one list.
    """
    fields = [
        ("reasoning_details", [{"text": "2"}]),
        ("reasoning_details", [{"text": "and 2"}]),
        ("annotations", [{"url": "u"}]),
    ]
    message = Message(
        role="assistant", parts=tuple(VendorPart(provider=OURS, kind=kind, data=data) for kind, data in fields)
    )

    encoded = encode(new_provider(), message)["messages"][0]
    assert encoded["reasoning_details"] == [{"text": "2"}, {"text": "and 2"}]
    assert "annotations" not in encoded


def test_vendor_tools(new_provider):
    """
    Vendor tools follow function tools; those of another vendor are not sent, and reported as an adaptation.
    """
    own = VendorTool(provider=OURS, data={"type": "custom", "custom": {"name": "run"}})
    other = VendorTool(provider="anthropic", data={"type": "web_search_20250305"})
    request = ChatRequest(model="m", messages=(Message.user("Hello"),), tools=(TOOL,), vendor_tools=(own, other))

    call = new_provider().encode(request, stream=False)

    assert [tool["type"] for tool in json.loads(call.body)["tools"]] == ["function", "custom"]
    assert [adaptation.parameter for adaptation in call.adaptations] == ["vendor_tools"]


def test_completion(new_provider):
    """
    The text is the prompt, and max_tokens has the same name for all models.
    """
    rules = ModelRules(renames={"max_tokens": "max_completion_tokens"})
    request = ChatRequest(model="m", messages=(Message.user("Once upon"),), max_tokens=5)

    call = new_provider(rules).encode_completion(request, stream=True)

    assert call.url == "http://localhost:8000/v1/completions"
    assert json.loads(call.body) == {
        "model": "m",
        "prompt": "Once upon",
        "max_tokens": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_tool_call_in_user_message_is_rejected(new_provider):
    """
    A part that a user message cannot contain raises an error before anything is sent.
    """
    with pytest.raises(UnsupportedError, match="tool_call"):
        encode(new_provider(), Message(role="user", parts=(ToolCallPart(id="a", name="f"),)))


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_texts_are_joined(texts):
    """
    Text parts become one text, unchanged.
    """
    encoded = encode_messages(
        [Message(role="user", parts=tuple(TextPart(text=text) for text in texts))],
        MessageDialect(OURS, encode_media=str),
    )

    assert encoded == [{"role": "user", "content": "".join(texts)}]
