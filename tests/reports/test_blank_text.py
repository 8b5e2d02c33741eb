"""White space as text, which some APIs reject, is not sent to them."""

from __future__ import annotations

import pytest

import budwood
from budwood.types import ImagePart, Message, TextPart, ToolCallPart, ToolResultPart
from budwood_testing import FakeClock, ScriptedTransport

BLANKS = ("", " ", "\n\n", "\t\r\n", "\u00a0\u2003")
CALL = ToolCallPart(id="c1", name="weather", arguments="{}")

ANTHROPIC_REPLY = {"content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn"}
GEMINI_REPLY = {"candidates": [{"content": {"parts": [{"text": "ok"}]}, "finishReason": "STOP"}]}


def send(*messages, model="anthropic/claude-sonnet-4-5", **options):
    """
    Send messages; return the reply and the body that was sent.
    """
    transport = ScriptedTransport().reply(200, ANTHROPIC_REPLY if model.startswith("anthropic") else GEMINI_REPLY)
    with budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock()) as client:
        response = client.ask(list(messages), max_tokens=50, **options)
    return response, transport.sent()


def list_texts(body):
    """
    Return all texts of a request body for Anthropic.
    """
    found = [body["system"]] if isinstance(body.get("system"), str) else [one["text"] for one in body.get("system", ())]
    for message in body["messages"]:
        blocks = message["content"]
        if isinstance(blocks, str):
            found.append(blocks)
            continue
        found += [block["text"] for block in blocks if block["type"] == "text"]
        found += [block["content"] for block in blocks if isinstance(block.get("content"), str)]
    return found


@pytest.mark.report("home-assistant/core#175637", outcome="mended")
@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_blank_texts_are_left_out_for_anthropic(blank):
    """
    Blank texts are left out of system messages, earlier turns, replies, tool results, and beside tool calls and images.
    """
    image = ImagePart(data=b"png", media_type="image/png")
    _, body = send(
        Message.system(blank),
        Message(role="user", parts=(TextPart(text=blank), TextPart(text="Hi"))),
        Message.assistant(blank),
        Message.user(blank),
        Message(role="assistant", parts=(TextPart(text=blank), CALL)),
        Message.tool(ToolResultPart(call_id="c1", name="weather", content=blank)),
        Message.assistant("Rain."),
        Message(role="user", parts=(image, TextPart(text=blank))),
    )

    assert list_texts(body) == ["Hi", "Rain."]
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert "system" not in body
    assert "content" not in body["messages"][2]["content"][0]


@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_blank_texts_among_others_in_a_result_are_left_out(blank):
    """
    The other texts of a tool result remain.
    """
    parts = (TextPart(text=blank), TextPart(text="rain"))
    result = Message.tool(ToolResultPart(call_id="c1", name="weather", content=parts))
    _, body = send(Message.user("Hi"), Message(role="assistant", parts=(CALL,)), result)

    assert body["messages"][2]["content"][0]["content"] == [{"type": "text", "text": "rain"}]


@pytest.mark.parametrize("text", ["The answer is ", "The answer is\n\n", "The answer is \u00a0"])
def test_the_end_of_a_final_assistant_turn_is_trimmed(text):
    """
    Trailing white space of a final assistant turn, which Anthropic rejects, is removed and reported.
    """
    earlier = Message.assistant("Hello. ")
    response, body = send(Message.user("Hi"), earlier, Message.user("What?"), Message.assistant(text))

    assert body["messages"][1]["content"] == "Hello. "
    assert body["messages"][3]["content"] == "The answer is"
    assert [adaptation.parameter for adaptation in response.adaptations] == ["messages"]


def test_a_blank_final_assistant_turn_is_left_out():
    """
    Without a blank final assistant turn, the user's message is the last one.
    """
    _, body = send(Message.user("Hi"), Message.assistant("\n"))

    assert body["messages"] == [{"role": "user", "content": "Hi"}]


def test_a_conversation_still_begins_with_the_user():
    """
    A blank first turn of the user is replaced by a placeholder, which is reported as an adaptation.
    """
    response, body = send(Message.user(" "), Message.assistant("Hello?"), Message.user("Hi"))

    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert list_texts(body)[0].strip()
    assert [adaptation.parameter for adaptation in response.adaptations] == ["messages"]


def test_a_chat_survives_a_blank_reply():
    """
    A blank reply is not sent back in the next turn of a chat.
    """
    blank = {**ANTHROPIC_REPLY, "content": [{"type": "text", "text": "\n\n"}]}
    transport = ScriptedTransport().reply(200, blank).reply(200, ANTHROPIC_REPLY)
    model = "anthropic/claude-sonnet-4-5"
    with budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock()) as client:
        chat = client.chat(max_tokens=50)
        chat.ask("Hi")
        chat.ask("Are you there?")

    assert list_texts(transport.sent()) == ["Hi", "Are you there?"]


def test_gemini_gets_no_blank_instruction():
    """
    Gemini requires text in a system instruction, but accepts blank turns.
    """
    _, body = send(Message.system("\n"), Message.user("Hi"), model="gemini/gemini-2.5-flash")

    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hi"}]}]
    assert "systemInstruction" not in body
