from __future__ import annotations

import json

import pytest

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

VENDOR = "my-server"
HELLO = Message.user("Hello")
WEATHER = ToolDefinition(name="weather", description="Tell the weather.", parameters={"type": "object"})


@pytest.fixture
def encode(new_provider):
    """
    Encode a request to Responses, and return its body and the names of the adapted parameters.
    """

    def encode_request(*messages, stream=False, rules=None, **parameters):
        provider = new_provider(rules or ModelRules(), api="responses", system_role=None)
        request = ChatRequest(model="m", messages=messages or (HELLO,), **parameters)
        sent = provider.encode(request, stream=stream)
        assert sent.url.endswith("/responses")
        return json.loads(sent.body), [(adaptation.parameter, adaptation.action) for adaptation in sent.adaptations]

    return encode_request


def test_prompt(encode):
    """
    A prompt is one item of the user, and nothing else is sent.
    """
    assert encode() == ({"model": "m", "input": [{"role": "user", "content": "Hello"}]}, [])


def test_system_messages(encode):
    """
    A system message at the beginning is ``instructions``; later ones, and developer messages, are items.
    """
    later = Message.system("Be brief.")
    developer = Message(role="developer", parts=(TextPart(text="Be kind."),))
    body, _ = encode(Message.system("You are a guide."), developer, HELLO, later)

    assert body["instructions"] == "You are a guide."
    assert [(item["role"], item["content"]) for item in body["input"]] == [
        ("developer", "Be kind."),
        ("user", "Hello"),
        ("system", "Be brief."),
    ]


def test_max_tokens(encode):
    """
    max_tokens has the name of this API; the catalog's renames apply only to Chat Completions.
    """
    rules = ModelRules(renames={"max_tokens": "max_completion_tokens"})

    body, adaptations = encode(rules=rules, max_tokens=5)

    assert (body["max_output_tokens"], adaptations) == (5, [])


def test_parameters_rejected_by_the_model(encode):
    """
    The catalog's rules about rejected parameters apply to both APIs.
    """
    body, adaptations = encode(rules=ModelRules(refuses=frozenset({"temperature"})), temperature=0.5, top_p=0.5)

    assert ("temperature" in body, body["top_p"]) == (False, 0.5)
    assert adaptations == [("temperature", "dropped")]


def test_unsupported_parameters_are_reported(encode):
    """
    Stop sequences, seed and penalties are not sent, and reported as adaptations.
    """
    body, adaptations = encode(stop=("x",), seed=1, frequency_penalty=0.5, presence_penalty=0.5)

    assert set(body) == {"model", "input"}
    assert adaptations == [
        ("stop", "dropped"),
        ("seed", "dropped"),
        ("frequency_penalty", "dropped"),
        ("presence_penalty", "dropped"),
    ]


def test_message_names_are_reported(encode):
    """
    Names of messages are not sent, and reported as an adaptation.
    """
    body, adaptations = encode(Message(role="user", parts=(TextPart(text="Hi"),), name="Ada"))

    assert body["input"] == [{"role": "user", "content": "Hi"}]
    assert adaptations == [("name", "dropped")]


def test_effort_is_merged_into_reasoning(encode):
    """
    The effort is a field of ``reasoning``, merged with the fields from ``extra``.
    """
    body, _ = encode(reasoning_effort="low", extra={"reasoning": {"summary": "auto"}})

    assert body["reasoning"] == {"effort": "low", "summary": "auto"}


def test_output_schema(encode):
    """
    The output schema is in ``text.format`` without an envelope, merged with other fields of ``text``.
    """
    schema = OutputSchema(name="person", json_schema={"type": "object"}, strict=True)

    body, _ = encode(output_schema=schema, extra={"text": {"verbosity": "low"}})

    assert body["text"] == {
        "format": {"type": "json_schema", "name": "person", "schema": {"type": "object"}, "strict": True},
        "verbosity": "low",
    }


def test_tools(encode):
    """
    A function has no envelope, and is not strict by default, unlike the default of the API.
    """
    body, _ = encode(tools=(WEATHER,), tool_choice=NamedTool(name="weather"))

    assert body["tools"] == [
        {
            "type": "function",
            "name": "weather",
            "description": "Tell the weather.",
            "parameters": {"type": "object"},
            "strict": False,
        }
    ]
    assert body["tool_choice"] == {"type": "function", "name": "weather"}


def test_vendor_tools(encode):
    """
    Vendor tools are sent unchanged; those of another vendor are not sent, and reported as an adaptation.
    """
    own = VendorTool(provider=VENDOR, data={"type": "web_search"})
    other = VendorTool(provider="anthropic", data={"type": "web_search_20250305"})

    body, adaptations = encode(tools=(WEATHER,), vendor_tools=(own, other), tool_choice="required")

    assert [tool["type"] for tool in body["tools"]] == ["function", "web_search"]
    assert body["tool_choice"] == "required"
    assert adaptations == [("vendor_tools", "dropped")]


def test_images_and_vendor_content(encode):
    """
    An image is sent with its detail, and a vendor part of the content unchanged.
    """
    image = ImagePart(data=b"\x89PNG", media_type="image/png")
    file = VendorPart(provider=VENDOR, kind="input_file", data={"type": "input_file", "file_id": "f"})
    other = VendorPart(provider="gemini", kind="inline_data", data={})

    body, _ = encode(Message.user("Look", image, ImagePart(url="https://x/y", detail="low"), file, other))

    assert body["input"][0]["content"] == [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw==", "detail": "auto"},
        {"type": "input_image", "image_url": "https://x/y", "detail": "low"},
        {"type": "input_file", "file_id": "f"},
    ]


def test_vendor_item_of_the_user(encode):
    """
    A reply of the user to a tool of the server is an item, not content.
    """
    answer = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}
    part = VendorPart(provider=VENDOR, kind="mcp_approval_response", data=answer)

    body, _ = encode(HELLO, Message(role="user", parts=(part,)))

    assert body["input"][1:] == [answer]


def test_tool_calls_and_results(encode):
    """
    A call and its result are items with the same call id.
    """
    tool_call = ToolCallPart(id="call_1", name="weather", arguments='{"city":"Oslo"}')
    result = ToolResultPart(call_id="call_1", name="weather", content="rain")

    body, _ = encode(HELLO, Message(role="assistant", parts=(tool_call,)), Message.tool(result))

    assert body["input"][1:] == [
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Oslo"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
    ]


def test_result_of_a_custom_tool(encode):
    """
    The result of a custom tool is a ``custom_tool_call_output``.
    """
    own = {"type": "custom_tool_call", "id": "ctc_1", "status": "completed"}
    tool_call = ToolCallPart(id="call_1", name="run", arguments="ls", provider=VENDOR, data=own)
    result = ToolResultPart(call_id="call_1", name="run", content="a.txt")

    body, _ = encode(HELLO, Message(role="assistant", parts=(tool_call,)), Message.tool(result))

    assert body["input"][1:] == [
        {**own, "call_id": "call_1", "name": "run", "input": "ls"},
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "a.txt"},
    ]


def test_reasoning_is_sent_only_to_its_vendor(encode):
    """
    A reasoning item is returned unchanged; reasoning of another vendor, or without an item, is not sent.
    """
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    parts = (
        ReasoningPart(text="Hm", provider="anthropic", data={"signature": "s"}),
        ReasoningPart(text="Hm"),
        ReasoningPart(text="Hm", provider=VENDOR, data=item),
        TextPart(text="Yes."),
    )

    body, _ = encode(HELLO, Message(role="assistant", parts=parts), HELLO)

    assert body["input"][1:3] == [item, {"role": "assistant", "content": "Yes."}]


def test_reasoning_that_was_not_stored(encode):
    """
    With store=False, reasoning is sent only with its encrypted content; otherwise it is reported as an adaptation.
    """
    unstored = {"type": "reasoning", "id": "rs_1", "summary": []}
    stored = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAA"}
    parts = tuple(ReasoningPart(text="", provider=VENDOR, data=item) for item in (unstored, stored))

    body, adaptations = encode(HELLO, Message(role="assistant", parts=parts), HELLO, extra={"store": False})

    assert body["input"][1:2] == [stored]
    assert adaptations == [("reasoning", "dropped")]


def test_message_is_returned_as_received(encode):
    """
    The parts of one message are one item, with its id, its phase and their annotations.
    """
    item_fields = {"id": "msg_1", "status": "completed", "phase": "final_answer"}
    parts = (
        TextPart(text="A", provider=VENDOR, data={"annotations": [{"type": "url_citation"}], "message": item_fields}),
        RefusalPart(text="B", provider=VENDOR, data={"message": item_fields}),
        TextPart(text="C", provider=VENDOR, data={"annotations": [], "message": {**item_fields, "id": "msg_2"}}),
    )

    body, _ = encode(HELLO, Message(role="assistant", parts=parts), HELLO)

    first, second = body["input"][1:3]
    assert first == {
        "type": "message",
        "role": "assistant",
        **item_fields,
        "content": [
            {"type": "output_text", "text": "A", "annotations": [{"type": "url_citation"}]},
            {"type": "refusal", "refusal": "B"},
        ],
    }
    assert (second["id"], second["content"][0]["text"]) == ("msg_2", "C")


def test_message_of_another_vendor(encode):
    """
    A message of another vendor is sent as its text.
    """
    parts = (TextPart(text="A", provider="gemini", data={"signature": "s"}), TextPart(text="B"), RefusalPart(text="C"))

    body, _ = encode(HELLO, Message(role="assistant", parts=parts), HELLO)

    assert body["input"][1:3] == [
        {"role": "assistant", "content": "AB"},
        {"role": "assistant", "content": "C"},
    ]


def test_stream(encode):
    """
    Every stream of this API ends with usage, so it is not requested.
    """
    body, _ = encode(stream=True, extra={"previous_response_id": "resp_1"})

    assert (body["stream"], body["previous_response_id"]) == (True, "resp_1")
    assert "stream_options" not in body


def test_token_count_request(new_provider):
    """
    The request for a token count has only the fields that affect it.
    """
    provider = new_provider(offers={"count_tokens"})
    request = ChatRequest(model="m", messages=(HELLO,), tools=(WEATHER,), temperature=0.5, extra={"store": False})

    sent = provider.encode_token_count(request)

    assert sent.url.endswith("/responses/input_tokens")
    assert set(json.loads(sent.body)) == {"model", "input", "tools"}
