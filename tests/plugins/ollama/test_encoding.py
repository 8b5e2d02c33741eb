from __future__ import annotations

import base64
import json

import pytest

from budwood.errors import UnsupportedError
from budwood.types import (
    AudioPart,
    Capability,
    ChatRequest,
    DocumentPart,
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
    VideoPart,
)

WEATHER = ToolDefinition(name="weather", description="Look outside.", parameters={"type": "object"})
CLOCK = ToolDefinition(name="clock", parameters={"type": "object"})
HELLO = Message.user("Hello")


@pytest.fixture
def encode(ollama):
    """
    Encode a request; return its body and its adaptations.
    """

    def encode_request(*messages, rules=None, stream=False, settings=None, **parameters):
        request = ChatRequest(model="qwen3", messages=messages or (HELLO,), **parameters)
        call = ollama(rules, **(settings or {})).encode(request, stream=stream)
        return json.loads(call.body), [(adaptation.parameter, adaptation.action) for adaptation in call.adaptations]

    return encode_request


def test_stream_is_always_set(encode):
    """
    Ollama streams by default.
    """
    assert encode(stream=False)[0]["stream"] is False
    assert encode(stream=True)[0]["stream"] is True


def test_parameters_are_options(encode):
    """
    They have Ollama's names and are in ``options``.
    """
    body, adaptations = encode(
        temperature=0.5, top_p=0.9, max_tokens=5, stop=("x",), seed=1, frequency_penalty=0.1, presence_penalty=0.2
    )

    assert body["options"] == {
        "temperature": 0.5,
        "top_p": 0.9,
        "num_predict": 5,
        "stop": ["x"],
        "seed": 1,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
    }
    assert adaptations == []


def test_the_order_of_options(encode):
    """
    Options of the call take precedence over parameters, and these over settings.
    """
    settings = {"options": {"num_ctx": 8192, "temperature": 0.1, "top_k": 10}, "keep_alive": -1}
    body, _ = encode(temperature=0.5, extra={"options": {"top_k": 20}, "truncate": False}, settings=settings)

    assert body["options"] == {"num_ctx": 8192, "temperature": 0.5, "top_k": 20}
    assert (body["keep_alive"], body["truncate"]) == ("-1s", False)


def test_a_plain_request_has_no_options(encode):
    """
    No options, no tools, no ``keep_alive`` and no ``think``.
    """
    assert set(encode()[0]) == {"model", "messages", "stream"}


def test_unsupported_fields_are_adaptations(encode):
    """
    Parallel calls, names of speakers and tools of other vendors.
    """
    named = Message(role="user", parts=(TextPart(text="Hello"),), name="ada")
    body, adaptations = encode(
        named, parallel_tool_calls=False, reasoning_budget=5, vendor_tools=(VendorTool(provider="openai", data={}),)
    )

    assert set(body) == {"model", "messages", "stream"}
    assert sorted(adaptations) == [
        ("name", "dropped"),
        ("parallel_tool_calls", "dropped"),
        ("reasoning_budget", "dropped"),
        ("vendor_tools", "dropped"),
    ]


@pytest.mark.parametrize(
    ("effort", "think", "adaptations"),
    [("none", False, []), ("low", True, ["changed"]), ("max", True, ["changed"])],
)
def test_most_models_take_thinking_on_or_off(encode, effort, think, adaptations):
    """
    Without levels in the catalog, an effort becomes true or false, with an adaptation.
    """
    body, reported = encode(reasoning_effort=effort)

    assert body["think"] is think
    assert reported == [("reasoning_effort", action) for action in adaptations]


@pytest.mark.parametrize(("effort", "think"), [("none", "low"), ("low", "low"), ("high", "high"), ("xhigh", "high")])
def test_some_models_take_a_thinking_level(encode, effort, think):
    """
    The catalog lists the levels of a model; a replaced level is an adaptation.
    """
    rules = ModelRules(traits=frozenset({"thinking_levels"}), efforts={"none": "low", "xhigh": "high"})
    body, adaptations = encode(reasoning_effort=effort, rules=rules)

    assert body["think"] == think
    assert adaptations == ([] if effort == think else [("reasoning_effort", "changed")])


def test_the_catalog_lists_models_with_levels(make_client, scripted, answer):
    """
    gpt-oss takes levels, and ignores true and false.
    """
    for model in ("gpt-oss:20b", "qwen3"):
        scripted.reply(body=answer("Hi"))
        with make_client(f"ollama/{model}") as client:
            client.ask("Hello", reasoning_effort="low")

    assert [scripted.sent(number)["think"] for number in (0, 1)] == ["low", True]


def test_a_schema_is_the_format(encode):
    """
    ``format`` is the JSON schema itself, including its description.
    """
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    described = OutputSchema(json_schema=schema, description="A number.")

    assert encode(output_schema=described)[0]["format"] == schema | {"description": "A number."}
    assert encode(output_schema=OutputSchema(json_schema=schema))[0]["format"] == schema


def test_tools_are_functions(encode):
    """
    Tools have OpenAI's form; Ollama's own tools are sent unchanged.
    """
    own = {"type": "function", "function": {"name": "web_search", "parameters": {}}}
    body, _ = encode(tools=(WEATHER, CLOCK), vendor_tools=(VendorTool(provider="ollama", data=own),))

    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Look outside.", "parameters": {"type": "object"}},
        },
        {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}},
        own,
    ]


@pytest.mark.parametrize(
    ("choice", "offered", "adaptations"),
    [
        ("auto", ["weather", "clock"], []),
        ("none", [], [("tool_choice", "changed")]),
        ("required", ["weather", "clock"], [("tool_choice", "dropped")]),
        (NamedTool(name="clock"), ["clock"], [("tool_choice", "changed")]),
    ],
)
def test_the_tool_choice_selects_the_tools(encode, choice, offered, adaptations):
    """
    Ollama has no tool_choice: fewer tools are sent, with an adaptation.
    """
    body, reported = encode(tools=(WEATHER, CLOCK), tool_choice=choice)

    assert [tool["function"]["name"] for tool in body.get("tools", [])] == offered
    assert "tool_choice" not in body
    assert reported == adaptations


def test_calls_and_results_are_sent_back(encode):
    """
    Arguments are an object, thinking is sent with the call, and a result has the name of its tool.
    """
    tool_call = ToolCallPart(id="call_0", name="weather", arguments='{"city": "Oslo"}')
    payload = Message(role="assistant", parts=(ReasoningPart(text="Look."), TextPart(text="Well."), tool_call))
    results = Message.tool(
        ToolResultPart(call_id="call_0", name="weather", content="rain"),
        ToolResultPart(call_id="call_0", name="", content="snow"),
    )
    _, assistant, first, second = encode(HELLO, payload, results)[0]["messages"]

    assert assistant == {
        "role": "assistant",
        "content": "Well.",
        "thinking": "Look.",
        "tool_calls": [{"id": "call_0", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}],
    }
    assert first == {"role": "tool", "content": "rain", "tool_name": "weather", "tool_call_id": "call_0"}
    assert (second["content"], second["tool_name"]) == ("snow", "weather")


def test_invalid_arguments_are_an_adaptation(encode):
    """
    They are sent in an object, since Ollama rejects anything else.
    """
    tool_call = ToolCallPart(id="1", name="weather", arguments='{"city": ')
    body, adaptations = encode(HELLO, Message(role="assistant", parts=(tool_call,)))

    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"INVALID_JSON": '{"city": '}
    assert adaptations == [("messages", "changed")]


def test_content_of_other_vendors_is_not_sent(encode):
    """
    Only Ollama's own content, or content without a vendor.
    """
    payload = Message(
        role="assistant",
        parts=(
            ReasoningPart(text="signed", provider="anthropic", data="…"),
            VendorPart(provider="gemini", kind="code", data="1"),
            VendorPart(provider="ollama", kind="images", data=["aa"]),
            VendorPart(provider="ollama", kind="images", data=["bb"]),
            RefusalPart(text="No."),
        ),
    )

    assert encode(HELLO, payload)[0]["messages"][1] == {"role": "assistant", "content": "No.", "images": ["aa", "bb"]}


def test_instructions_have_one_role(encode):
    """
    Ollama has no developer role.
    """
    instruction = Message(role="developer", parts=(TextPart(text="Be brief."),))

    assert encode(instruction, HELLO)[0]["messages"][0] == {"role": "system", "content": "Be brief."}


def test_images_are_sent_in_base64(encode):
    """
    From bytes and from data URLs; the resolution is an adaptation.
    """
    picture = base64.b64encode(b"\x89PNG").decode()
    images = (
        ImagePart(data=b"\x89PNG", media_type="image/png"),
        ImagePart(url=f"data:image/png;base64,{picture}", detail="high"),
    )
    body, adaptations = encode(Message.user("What is it?", *images))

    assert body["messages"] == [{"role": "user", "content": "What is it?", "images": [picture, picture]}]
    assert adaptations == [("detail", "dropped")]


def test_text_after_an_image_is_an_adaptation(encode):
    """
    Ollama has images beside the text, without positions.
    """
    image = ImagePart(data=b"png", media_type="image/png")

    assert encode(Message.user("Before.", image))[1] == []
    assert encode(Message.user("Before.", image, TextPart(text="After.")))[1] == [("messages", "changed")]


def test_options_of_a_tool(encode):
    """
    The vendor's own fields are sent; ``strict`` is an adaptation.
    """
    tool = WEATHER.model_copy(update={"strict": True, "extra": {"x_cache": True}})
    body, adaptations = encode(tools=(tool,))

    assert body["tools"][0]["function"]["x_cache"] is True
    assert "strict" not in body["tools"][0]["function"]
    assert adaptations == [("tools.strict", "dropped")]


@pytest.mark.parametrize("kind", [AudioPart, VideoPart, DocumentPart])
def test_other_media_are_refused_with_a_cure(encode, kind):
    """
    Ollama takes images only, and the hint says what to pass instead.
    """
    with pytest.raises(UnsupportedError, match="Ollama takes no ") as caught:
        encode(Message.user("?", kind(data=b"x")))

    assert "ass" in caught.value.hint


def test_images_in_results_of_tools(encode):
    """
    They are beside the text of the result; other media are refused.
    """
    call = Message(role="assistant", parts=(ToolCallPart(id="a", name="look", arguments="{}"),))
    image = ToolResultPart(call_id="a", name="look", content=(ImagePart(data=b"png", media_type="image/png"),))
    document = image.model_copy(update={"content": (DocumentPart(data=b"%PDF-"),)})

    body = encode(HELLO, call, Message(role="tool", parts=(image,)))[0]

    assert body["messages"][2]["images"] == [base64.b64encode(b"png").decode()]
    with pytest.raises(UnsupportedError, match="takes no document"):
        encode(HELLO, call, Message(role="tool", parts=(document,)))


def test_ids_of_files_are_refused(encode):
    """
    Ollama stores no files.
    """
    with pytest.raises(UnsupportedError, match="stores no files"):
        encode(Message.user("?", ImagePart(file_id="file_1")))


def test_media_sources(ollama):
    """
    Images are sent in base64; nothing else is.
    """
    request = ChatRequest(model="m", messages=(HELLO,))

    assert ollama().media_sources(request, "image") == {"inline"}
    assert {ollama().media_sources(request, kind) for kind in ("audio", "video", "document")} == {frozenset()}


def test_images_from_urls_are_rejected(encode):
    """
    Ollama does not fetch them, and the hint says what to pass instead.
    """
    with pytest.raises(UnsupportedError, match="files="):
        encode(Message.user("?", ImagePart(url="https://example.org/a.png")))


def test_capabilities(ollama):
    """
    Ollama cannot count tokens.
    """
    assert ollama().capabilities == {
        Capability.CHAT, Capability.STREAM, Capability.TOOLS, Capability.JSON_SCHEMA, Capability.IMAGE_INPUT,
        Capability.REASONING, Capability.EMBEDDINGS, Capability.MODELS, Capability.PULL_MODELS,
    }  # fmt: skip
