"""Images in tool results are sent to the model, rejected, or reported as an adaptation."""

from __future__ import annotations

import base64
import json

import pytest

import budwood
from budwood.types import ImagePart, Message, TextPart, ToolCallPart, ToolResultPart
from budwood_testing import FakeClock, ScriptedTransport, chat_reply

PIXEL = base64.b64decode("iVBORw0KGgo=")
DATA_URL = "data:image/png;base64,iVBORw0KGgo="
ADDRESS = "https://example.com/screen.png"

ANTHROPIC_REPLY = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "c",
    "content": [{"type": "text", "text": "ok"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
GEMINI_REPLY = {"candidates": [{"content": {"parts": [{"text": "ok"}]}, "finishReason": "STOP"}]}
RESPONSES_REPLY = {
    "id": "r",
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "ok"}]}],
}
OLLAMA_REPLY = {"model": "m", "message": {"role": "assistant", "content": "ok"}, "done": True, "done_reason": "stop"}


def make_conversation(url=DATA_URL, *, calls=1):
    """
    Return a conversation in OpenAI's form with two tools that returned a text and an image each.
    """
    ids = [f"c{number}" for number in range(calls)]
    tool_calls = [{"id": one, "type": "function", "function": {"name": "shot", "arguments": "{}"}} for one in ids]
    content = [{"type": "text", "text": "the screen"}, {"type": "image_url", "image_url": {"url": url}}]
    return [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": None, "tool_calls": tool_calls},
        *({"role": "tool", "tool_call_id": one, "content": content} for one in ids),
    ]


def ask(model, reply, messages, **own):
    """
    Ask a model that gives this reply; return the reply and the sent body. ``here`` are additional settings.
    """
    transport = ScriptedTransport().reply(200, reply)
    settings = {"providers": {"here": {"plugin": "openai-compatible", "base_url": "http://x.test/v1", **own}}}
    client = budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock(), settings=settings)
    with client:
        response = client.ask(messages, max_tokens=50)
    return response, transport.sent()


@pytest.mark.report("BerriAI/litellm#6953", outcome="mended")
def test_anthropic_gets_images_inside_the_result():
    """
    Text and image become blocks of the tool_result in their order.
    """
    response, body = ask("anthropic/claude-sonnet-4-5", ANTHROPIC_REPLY, make_conversation())

    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    (result,) = body["messages"][2]["content"]
    assert result["content"] == [{"type": "text", "text": "the screen"}, {"type": "image", "source": source}]
    assert response.adaptations == ()


def test_anthropic_gets_no_error_with_images():
    """
    A tool_result with ``is_error`` takes only text: the images are sent, and the change is reported.
    """
    parts = (TextPart(text="the screen"), ImagePart(data=PIXEL, media_type="image/png"))
    result = ToolResultPart(call_id="c1", name="shot", content=parts, is_error=True)
    call = Message(role="assistant", parts=(ToolCallPart(id="c1", name="shot"),))
    messages = [Message.user("Look."), call, Message.tool(result)]
    response, body = ask("anthropic/claude-sonnet-4-5", ANTHROPIC_REPLY, messages)

    (block,) = body["messages"][2]["content"]
    assert [one["type"] for one in block["content"]] == ["text", "image"]
    assert "is_error" not in block
    assert [adaptation.parameter for adaptation in response.adaptations] == ["messages"]


@pytest.mark.report("BerriAI/litellm#6953", outcome="mended")
def test_chat_completions_gets_images_in_a_user_message_after_all_results():
    """
    Tool messages accept only text, so the images follow in a user message with the names of the calls.
    """
    later = [*make_conversation(calls=2), {"role": "user", "content": "Well?"}]
    response, body = ask("here/m", chat_reply("ok"), later)

    roles = [message["role"] for message in body["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "user", "user"]
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "c0", "content": "the screen"}
    image = {"type": "image_url", "image_url": {"url": DATA_URL}}
    assert body["messages"][4]["content"] == [
        {"type": "text", "text": "Returned by shot (c0):"},
        image,
        {"type": "text", "text": "Returned by shot (c1):"},
        image,
    ]
    assert [adaptation.parameter for adaptation in response.adaptations] == ["messages"]


def test_chat_completions_never_gets_an_empty_result():
    """
    The result of a call that returned only an image refers to the following message.
    """
    messages = make_conversation()
    messages[2]["content"] = messages[2]["content"][1:]
    _, body = ask("here/m", chat_reply("ok"), messages)

    assert body["messages"][2]["content"] == "The result is the image below."
    assert DATA_URL in json.dumps(body["messages"][3])


def test_mistral_gets_images_inside_the_result():
    """
    Mistral accepts content chunks in tool messages, and rejects a user message after them.
    """
    response, body = ask("mistral/pixtral-12b", chat_reply("ok"), make_conversation())

    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "tool"]
    assert body["messages"][2]["content"][1]["image_url"] == {"url": DATA_URL}
    assert "messages" not in {adaptation.parameter for adaptation in response.adaptations}


def test_responses_gets_images_inside_the_output():
    """
    The output of a call is a list of input_text and input_image.
    """
    response, body = ask("here/m", RESPONSES_REPLY, make_conversation(), api="responses")

    assert body["input"][2]["output"] == [
        {"type": "input_text", "text": "the screen"},
        {"type": "input_image", "image_url": DATA_URL, "detail": "auto"},
    ]
    assert response.adaptations == ()


def test_gemini_3_gets_images_inside_the_response():
    """
    Images become inline data in the parts of the functionResponse.
    """
    response, body = ask("gemini/gemini-3-pro-preview", GEMINI_REPLY, make_conversation())

    (part,) = body["contents"][2]["parts"]
    assert part["functionResponse"]["response"] == {"output": "the screen"}
    assert part["functionResponse"]["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]
    assert "messages" not in {adaptation.parameter for adaptation in response.adaptations}


@pytest.mark.parametrize(("model", "url"), [("gemini-2.5-flash", DATA_URL), ("gemini-3-pro-preview", ADDRESS)])
def test_gemini_gets_other_images_after_all_responses(model, url):
    """
    Images that a model does not accept in a response follow all responses, and are reported as an adaptation.
    """
    response, body = ask(f"gemini/{model}", GEMINI_REPLY, make_conversation(url, calls=2))

    kinds = [next(iter(part)) for part in body["contents"][2]["parts"]]
    image = "inlineData" if url == DATA_URL else "fileData"
    assert kinds == ["functionResponse", "functionResponse", "text", image, "text", image]
    assert "messages" in {adaptation.parameter for adaptation in response.adaptations}


def test_ollama_gets_images_beside_the_text_of_the_result():
    """
    The tool message has the field images, as other messages of Ollama.
    """
    _, body = ask("ollama/qwen3-vl", OLLAMA_REPLY, make_conversation())

    assert body["messages"][2]["content"] == "the screen"
    assert body["messages"][2]["images"] == ["iVBORw0KGgo="]


def test_images_in_results_are_rejected_for_models_without_vision():
    """
    The call raises an error before the result is sent.
    """
    with pytest.raises(budwood.UnsupportedError, match="images"):
        ask("here/m", {}, make_conversation(), lacks=["image_input"])


@pytest.mark.parametrize("returned", ["image", "list"])
def test_a_tool_can_return_an_image(returned):
    """
    An image that a function returns, alone or in a list, is sent to the model as an image.
    """
    image = ImagePart(data=PIXEL, media_type="image/png")

    def shot() -> object:
        """
        Take a picture of the screen.
        """
        return image if returned == "image" else ["the screen", image]

    call = {"type": "tool_use", "id": "c1", "name": "shot", "input": {}}
    transport = ScriptedTransport().reply(200, {**ANTHROPIC_REPLY, "content": [call], "stop_reason": "tool_use"})
    transport.reply(200, ANTHROPIC_REPLY)
    model = "anthropic/claude-sonnet-4-5"
    with budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock()) as client:
        response = client.ask("Look.", tools=[shot], max_tokens=50)

    assert "iVBORw0KGgo=" in json.dumps(transport.sent()["messages"][2])
    assert response.messages[1].tool_results[0].images == (image,)


@pytest.mark.parametrize("model", ["here/m", "ollama/m", "gemini/gemini-2.5-flash", "anthropic/claude-opus-4-5"])
def test_images_in_system_messages_are_rejected(model):
    """
    An image in a system message raises an error before anything is sent.
    """
    system = Message(role="system", parts=(TextPart(text="Be brief."), ImagePart(url=DATA_URL)))

    with pytest.raises(budwood.UnsupportedError, match="system"):
        ask(model, {}, [system, Message.user("Hi")])


def test_results_with_images_can_be_saved():
    """
    A conversation with such a result is unchanged after it was saved and loaded as JSON.
    """
    parts = (TextPart(text="the screen"), ImagePart(data=PIXEL, media_type="image/png"))
    message = Message.tool(ToolResultPart(call_id="c1", name="shot", content=parts))

    assert Message.model_validate_json(message.model_dump_json()) == message
