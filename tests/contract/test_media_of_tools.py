"""A tool that returns an image and a document: each vendor gets them in its form, or nothing is sent."""

from __future__ import annotations

import base64

import pytest

from budwood import Client, Document, Image
from budwood.errors import UnsupportedError
from budwood.settings import Settings
from budwood.settings_sources import Source
from budwood_testing import FakeClock, ScriptedTransport
from tests.contract.sdk_media import PDF, PNG

IMAGE, DOCUMENT = (base64.b64encode(content).decode() for content in (PNG, PDF))
IMAGE_URL, DOCUMENT_URL = f"data:image/png;base64,{IMAGE}", f"data:application/pdf;base64,{DOCUMENT}"

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def completion(message, reason):
    """
    Return a reply of Chat Completions.
    """
    return {"id": "1", "choices": [{"index": 0, "finish_reason": reason, "message": {"role": "assistant", **message}}]}


def message(block, reason):
    """
    Return a reply of Anthropic.
    """
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": [block],
        "stop_reason": reason,
        "usage": usage,
    }


def candidate(part):
    """
    Return a reply of Gemini.
    """
    return {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}]}


def response(item):
    """
    Return a reply of Responses.
    """
    return {"id": "r", "object": "response", "status": "completed", "output": [item]}


CHAT = [completion({"content": None, "tool_calls": [CALL]}, "tool_calls"), completion({"content": "Nice."}, "stop")]
ANTHROPIC = [
    message({"type": "tool_use", "id": "c1", "name": "look", "input": {}}, "tool_use"),
    message({"type": "text", "text": "Nice."}, "end_turn"),
]
GEMINI = [candidate({"functionCall": {"id": "c1", "name": "look", "args": {}}}), candidate({"text": "Nice."})]
RESPONSES = [
    response({"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}),
    response({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Nice."}]}),
]
OLLAMA = [
    {"model": "m", "message": {"role": "assistant", "content": "", **fields}, "done": True, "done_reason": "stop"}
    for fields in ({"tool_calls": [{"function": {"name": "look", "arguments": {}}}]}, {"content": "Nice."})
]


def look_at(*media):
    """
    Return a tool that returns a text and media.
    """

    def look():
        return ["the screen", *media]

    return look


def ask(model, replies, media, *, files=(), upload="auto", **settings):
    """
    Ask a model that calls the tool; return the reply, and the bodies that were sent.
    """
    transport = ScriptedTransport()
    for number, body in enumerate(replies):
        if number == 1:
            for info in files:
                transport.reply(200, info)
        transport.reply(200, body)
    provider = model.partition("/")[0]
    source = Source("arguments", {"providers": {provider: {"api_key": "test", **settings}}})
    options = {"settings": Settings(source), "transport": transport, "clock": FakeClock(), "cache": False}
    with Client(model, **options, retries=0) as client:
        try:
            reply = client.ask("Look.", tools=[look_at(*media)], upload=upload, max_tokens=50)
        except UnsupportedError as error:
            return error, transport.calls
    return reply, [transport.sent(number) for number in (0, -1)]


MEDIA = (Image(data=PNG), Document(data=PDF, name="a.pdf"))
CHAT_PARTS = [
    {"type": "text", "text": "Returned by look (c1):"},
    {"type": "image_url", "image_url": {"url": IMAGE_URL}},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": DOCUMENT_URL}},
]


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("openai/gpt-5", {"api": "chat"}),
        ("azure/gpt-5", {"base_url": "https://x.openai.azure.com/openai/v1", "api": "chat"}),
        ("openrouter/openai/gpt-5", {}),
    ],
)
def test_chat_completions_have_them_in_a_message_after_the_result(model, settings):
    """
    The result itself takes only text there.
    """
    reply, (_, sent) = ask(model, CHAT, MEDIA, **settings)

    *_, result, moved = sent["messages"]
    assert result == {"role": "tool", "tool_call_id": "c1", "content": "the screen"}
    assert moved == {"role": "user", "content": CHAT_PARTS}
    assert "messages" in [one.parameter for one in reply.adaptations]


def test_responses_have_them_in_the_result():
    """
    As ``input_image`` and ``input_file``.
    """
    reply, (_, sent) = ask("openai/gpt-5", RESPONSES, MEDIA, api="responses")

    assert sent["input"][-1]["output"] == [
        {"type": "input_text", "text": "the screen"},
        {"type": "input_image", "image_url": IMAGE_URL, "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": DOCUMENT_URL},
    ]
    assert reply.adaptations == ()


def test_anthropic_has_them_in_the_result():
    """
    As blocks.
    """
    reply, (_, sent) = ask("anthropic/claude-sonnet-5", ANTHROPIC, MEDIA)

    (result,) = sent["messages"][-1]["content"]
    sources = [
        {"type": "base64", "media_type": "image/png", "data": IMAGE},
        {"type": "base64", "media_type": "application/pdf", "data": DOCUMENT},
    ]
    assert result["content"] == [
        {"type": "text", "text": "the screen"},
        {"type": "image", "source": sources[0]},
        {"type": "document", "source": sources[1], "title": "a.pdf"},
    ]
    assert reply.adaptations == ()


@pytest.mark.parametrize(("model", "is_inside"), [("gemini-3.8-flash", True), ("gemini-2.5-flash", False)])
def test_gemini_has_them_in_the_result_or_after_it(model, is_inside):
    """
    Models from Gemini 3 on take them inside.
    """
    reply, (_, sent) = ask(f"gemini/{model}", GEMINI, MEDIA)

    media = [
        {"inlineData": {"mimeType": "image/png", "data": IMAGE}},
        {"inlineData": {"mimeType": "application/pdf", "data": DOCUMENT}},
    ]
    result, *moved = sent["contents"][-1]["parts"]
    assert result["functionResponse"].get("parts", []) == (media if is_inside else [])
    assert moved == ([] if is_inside else [{"text": "Returned by look:"}, *media])
    assert bool(reply.adaptations) != is_inside


def test_mistral_has_them_in_the_result():
    """
    As its own parts.
    """
    reply, (_, sent) = ask("mistral/mistral-medium-latest", CHAT, MEDIA)

    assert sent["messages"][-1]["content"] == [
        {"type": "text", "text": "the screen"},
        {"type": "image_url", "image_url": {"url": IMAGE_URL}},
        {"type": "document_url", "document_url": DOCUMENT_URL, "document_name": "a.pdf"},
    ]
    assert reply.adaptations == ()


@pytest.mark.parametrize(
    ("model", "replies", "settings"),
    [
        ("groq/meta-llama/llama-4-scout-17b-16e-instruct", CHAT, {}),
        ("xai/grok-5", CHAT, {}),
        ("ollama/qwen3-vl", OLLAMA, {"base_url": "http://localhost:11434"}),
    ],
)
def test_vendors_without_documents_take_the_image(model, replies, settings):
    """
    A document raises before it is sent, with vendors that take it in the hint.
    """
    reply, (_, sent) = ask(model, replies, MEDIA[:1], **settings)
    error, requests = ask(model, replies, MEDIA, **settings)

    assert reply.text == "Nice."
    assert IMAGE in str(sent["messages"])
    assert "does not take documents" in str(error)
    assert "one of anthropic, gemini," in str(error)
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("model", "replies", "info", "find", "settings"),
    [
        (
            "openai/gpt-5",
            RESPONSES,
            {"id": "file-9", "object": "file", "bytes": 9, "created_at": 1, "status": "processed"},
            lambda sent: [part.get("file_id") for part in sent["input"][-1]["output"][1:]],
            {"api": "responses"},
        ),
        (
            "anthropic/claude-sonnet-5",
            ANTHROPIC,
            {"id": "file-9", "type": "file", "filename": "a.pdf", "size_bytes": 9},
            lambda sent: [
                block["source"].get("file_id") for block in sent["messages"][-1]["content"][0]["content"][1:]
            ],
            {},
        ),
    ],
)
def test_they_are_uploaded_first(model, replies, info, find, settings):
    """
    With ``upload="always"`` the result refers to the files.
    """
    _, (_, sent) = ask(model, replies, MEDIA, files=[info, info], upload="always", **settings)

    assert find(sent) == ["file-9", "file-9"]
