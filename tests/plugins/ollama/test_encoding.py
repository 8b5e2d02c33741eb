from __future__ import annotations

import base64
import json

import pytest

from budwood.errors import UnsupportedError
from budwood.types import (
    Capability,
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

WEATHER = ToolDefinition(name="weather", description="Look outside.", parameters={"type": "object"})
CLOCK = ToolDefinition(name="clock", parameters={"type": "object"})
HELLO = Message.user("Hello")


@pytest.fixture
def written(ollama):
    """
    Write a request, and return its body and the receipts.
    """

    def write(*messages, rules=None, stream=False, settings=None, **parameters):
        request = ChatRequest(model="qwen3", messages=messages or (HELLO,), **parameters)
        call = ollama(rules, **(settings or {})).encode(request, stream=stream)
        return json.loads(call.body), [(receipt.parameter, receipt.action) for receipt in call.adaptations]

    return write


def test_whether_to_stream_is_always_said(written):
    """
    Ollama streams unless it is told not to.
    """
    assert written(stream=False)[0]["stream"] is False
    assert written(stream=True)[0]["stream"] is True


def test_parameters_are_options(written):
    """
    Parameters have Ollama's names and stand under ``options``.
    """
    body, receipts = written(
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
    assert receipts == []


def test_options_of_the_call_come_before_those_of_the_settings(written):
    """
    Settings, then parameters, then the vendor's own options of the call: each adds to those before it.
    """
    settings = {"options": {"num_ctx": 8192, "temperature": 0.1, "top_k": 10}, "keep_alive": -1}
    body, _ = written(temperature=0.5, extra={"options": {"top_k": 20}, "truncate": False}, settings=settings)

    assert body["options"] == {"num_ctx": 8192, "temperature": 0.5, "top_k": 20}
    assert (body["keep_alive"], body["truncate"]) == ("-1s", False)


def test_nothing_is_sent_unasked(written):
    """
    A bare request holds neither options nor tools, and leaves time and thinking to the server.
    """
    assert set(written()[0]) == {"model", "messages", "stream"}


def test_what_ollama_has_nothing_for_leaves_a_receipt(written):
    """
    Parallel calls cannot be asked for, messages have no names, and other vendors' tools are theirs.
    """
    named = Message(role="user", parts=(TextPart(text="Hello"),), name="ada")
    body, receipts = written(
        named, parallel_tool_calls=False, reasoning_budget=5, vendor_tools=(VendorTool(provider="openai", data={}),)
    )

    assert set(body) == {"model", "messages", "stream"}
    assert sorted(receipts) == [
        ("name", "dropped"),
        ("parallel_tool_calls", "dropped"),
        ("reasoning_budget", "dropped"),
        ("vendor_tools", "dropped"),
    ]


@pytest.mark.parametrize(
    ("effort", "think", "receipts"),
    [("none", False, []), ("low", True, ["changed"]), ("max", True, ["changed"])],
)
def test_most_models_are_told_whether_to_think(written, effort, think, receipts):
    """
    Levels are not for every model: where the catalog names none, thinking is on or off, with a receipt.
    """
    body, made = written(reasoning_effort=effort)

    assert body["think"] is think
    assert made == [("reasoning_effort", action) for action in receipts]


@pytest.mark.parametrize(("effort", "think"), [("none", "low"), ("low", "low"), ("high", "high"), ("xhigh", "high")])
def test_models_with_levels_are_told_how_long_to_think(written, effort, think):
    """
    A row of the catalog says which levels a model takes; what it takes for another leaves a receipt.
    """
    rules = ModelRules(traits=frozenset({"thinking_levels"}), efforts={"none": "low", "xhigh": "high"})
    body, receipts = written(reasoning_effort=effort, rules=rules)

    assert body["think"] == think
    assert receipts == ([] if effort == think else [("reasoning_effort", "changed")])


def test_the_catalog_knows_who_takes_levels(make_client, scripted, answer):
    """
    gpt-oss takes levels, and means nothing by true and false.
    """
    for model in ("gpt-oss:20b", "qwen3"):
        scripted.reply(body=answer("Hi"))
        with make_client(f"ollama/{model}") as client:
            client.ask("Hello", reasoning_effort="low")

    assert [scripted.sent(number)["think"] for number in (0, 1)] == ["low", True]


def test_a_schema_is_the_format(written):
    """
    The JSON schema stands there bare, without a name; what it is for stands inside.
    """
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    described = OutputSchema(json_schema=schema, description="A number.")

    assert written(output_schema=described)[0]["format"] == schema | {"description": "A number."}
    assert written(output_schema=OutputSchema(json_schema=schema))[0]["format"] == schema


def test_tools_are_functions(written):
    """
    Tools have the form of OpenAI; a tool of Ollama's own goes as it is.
    """
    own = {"type": "function", "function": {"name": "web_search", "parameters": {}}}
    body, _ = written(tools=(WEATHER, CLOCK), vendor_tools=(VendorTool(provider="ollama", data=own),))

    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Look outside.", "parameters": {"type": "object"}},
        },
        {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}},
        own,
    ]


@pytest.mark.parametrize(
    ("choice", "offered", "receipts"),
    [
        ("auto", ["weather", "clock"], []),
        ("none", [], [("tool_choice", "changed")]),
        ("required", ["weather", "clock"], [("tool_choice", "dropped")]),
        (NamedTool(name="clock"), ["clock"], [("tool_choice", "changed")]),
    ],
)
def test_the_choice_of_a_tool_is_made_by_leaving_tools_out(written, choice, offered, receipts):
    """
    Ollama has no tool_choice: what can be had is had by offering fewer tools, and the receipt says so.
    """
    body, made = written(tools=(WEATHER, CLOCK), tool_choice=choice)

    assert [tool["function"]["name"] for tool in body.get("tools", [])] == offered
    assert "tool_choice" not in body
    assert made == receipts


def test_calls_and_results_go_back(written):
    """
    Arguments are an object, thoughts go back with the call, and a result bears the name of its tool.
    """
    wanted = ToolCallPart(id="call_0", name="weather", arguments='{"city": "Oslo"}')
    said = Message(role="assistant", parts=(ReasoningPart(text="Look."), TextPart(text="Well."), wanted))
    results = Message.tool(
        ToolResultPart(call_id="call_0", name="weather", content="rain"),
        ToolResultPart(call_id="call_0", name="", content="snow"),
    )
    _, assistant, first, second = written(HELLO, said, results)[0]["messages"]

    assert assistant == {
        "role": "assistant",
        "content": "Well.",
        "thinking": "Look.",
        "tool_calls": [{"id": "call_0", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}],
    }
    assert first == {"role": "tool", "content": "rain", "tool_name": "weather", "tool_call_id": "call_0"}
    assert (second["content"], second["tool_name"]) == ("snow", "weather")


def test_arguments_that_are_no_object_leave_a_receipt(written):
    """
    What a model wrote badly is sent all the same, inside an object, since Ollama refuses all else.
    """
    wanted = ToolCallPart(id="1", name="weather", arguments='{"city": ')
    body, receipts = written(HELLO, Message(role="assistant", parts=(wanted,)))

    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"INVALID_JSON": '{"city": '}
    assert receipts == [("messages", "changed")]


def test_thoughts_and_content_of_other_vendors_stay_with_them(written):
    """
    Only what is Ollama's, or nobody's, goes back.
    """
    said = Message(
        role="assistant",
        parts=(
            ReasoningPart(text="signed", provider="anthropic", data="…"),
            VendorPart(provider="gemini", kind="code", data="1"),
            VendorPart(provider="ollama", kind="images", data=["aa"]),
            VendorPart(provider="ollama", kind="images", data=["bb"]),
            RefusalPart(text="No."),
        ),
    )

    assert written(HELLO, said)[0]["messages"][1] == {"role": "assistant", "content": "No.", "images": ["aa", "bb"]}


def test_instructions_have_one_role(written):
    """
    Ollama knows no developer.
    """
    instruction = Message(role="developer", parts=(TextPart(text="Be brief."),))

    assert written(instruction, HELLO)[0]["messages"][0] == {"role": "system", "content": "Be brief."}


def test_images_are_sent_in_base64(written):
    """
    Bytes and addresses that hold them are the same to Ollama; it looks in one resolution.
    """
    picture = base64.b64encode(b"\x89PNG").decode()
    images = (
        ImagePart(data=b"\x89PNG", media_type="image/png"),
        ImagePart(url=f"data:image/png;base64,{picture}", detail="high"),
    )
    body, receipts = written(Message.user("What is it?", *images))

    assert body["messages"] == [{"role": "user", "content": "What is it?", "images": [picture, picture]}]
    assert receipts == [("detail", "dropped")]


def test_text_after_an_image_leaves_a_receipt(written):
    """
    Ollama has images beside the text: that one stood before its text cannot be sent.
    """
    image = ImagePart(data=b"png", media_type="image/png")

    assert written(Message.user("Before.", image))[1] == []
    assert written(Message.user("Before.", image, TextPart(text="After.")))[1] == [("messages", "changed")]


def test_options_of_a_tool_are_sent_or_leave_a_receipt(written):
    """
    What only the vendor knows goes as it is; that arguments must follow their schema is no option of Ollama's.
    """
    tool = WEATHER.model_copy(update={"strict": True, "extra": {"x_cache": True}})
    body, receipts = written(tools=(tool,))

    assert body["tools"][0]["function"]["x_cache"] is True
    assert "strict" not in body["tools"][0]["function"]
    assert receipts == [("tools.strict", "dropped")]


def test_images_from_addresses_are_refused(written):
    """
    Ollama fetches nothing, and the hint says what to give instead.
    """
    with pytest.raises(UnsupportedError, match="files="):
        written(Message.user("?", ImagePart(url="https://example.org/a.png")))


def test_what_it_can_do(ollama):
    """
    Ollama counts no tokens before it is asked.
    """
    assert ollama().capabilities == {
        Capability.CHAT, Capability.STREAM, Capability.TOOLS, Capability.JSON_SCHEMA, Capability.IMAGE_INPUT,
        Capability.REASONING, Capability.EMBEDDINGS, Capability.MODELS, Capability.PULL_MODELS,
    }  # fmt: skip
