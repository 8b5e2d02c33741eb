"""Reasoning is sent back only to the server that wrote it, in the same field."""

from __future__ import annotations

import pytest

from budwood_testing import chat_reply
from tests.reports.compatible import KEY, MODEL, chunk, events, make_tool_call_reply, open_client, tool_call, weather

THOUGHT = "I need the weather."


def run_chat(scripted, clock, *, streamed=False, model=MODEL, tools=(), turns=2):
    """
    Run a chat, and return the messages of its last request.
    """
    with open_client(scripted, clock, model) as client:
        chat = client.chat(tools=list(tools))
        for turn in range(turns):
            if streamed:
                with chat.stream(f"Turn {turn}") as stream:
                    for _event in stream:
                        pass
            else:
                chat.ask(f"Turn {turn}")
    return scripted.sent()["messages"]


@pytest.mark.report("langchain-ai/langchain#39370", outcome="mended")
@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_sent_back_with_the_tool_call(name, streamed, scripted, clock):
    """
    Reasoning before a tool call is sent back with the call, in the field of the reply.
    """
    if streamed:
        deltas = [{"role": "assistant", name: "I need "}, {name: "the weather."}, {"tool_calls": [tool_call()]}]
        scripted.reply(200, chunks=events(*map(chunk, deltas), chunk({}, "tool_calls")))
        scripted.reply(200, chunks=events(chunk({"content": "Rain."}, "stop")))
    else:
        scripted.reply(200, make_tool_call_reply(tool_call(), **{name: THOUGHT})).reply(200, chat_reply("Rain."))

    _, message, result = run_chat(scripted, clock, streamed=streamed, tools=[weather], turns=1)
    assert message[name] == THOUGHT
    assert message["tool_calls"][0]["id"] == result["tool_call_id"]


@pytest.mark.report("charmbracelet/crush#2754", outcome="mended")
@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
def test_reasoning_is_sent_back_in_a_plain_conversation(streamed, scripted, clock):
    """
    The second turn of a conversation without tools contains the reasoning of the first.
    """
    if streamed:
        for _ in range(2):
            deltas = [{"reasoning_content": "Be "}, {"reasoning_content": "kind.", "content": "Hel"}, {"content": "lo"}]
            scripted.reply(200, chunks=events(*map(chunk, deltas), chunk({}, "stop")))
    else:
        scripted.reply(200, chat_reply("Hello", reasoning_content="Be kind.")).reply(200, chat_reply("Bye"))

    message = run_chat(scripted, clock, streamed=streamed, model="deepseek/deepseek-reasoner")[1]
    assert message == {"role": "assistant", "content": "Hello", "reasoning_content": "Be kind."}


@pytest.mark.report("QwenLM/qwen-code#11045", outcome="mended")
@pytest.mark.report("janhq/jan#8136", outcome="mended")
def test_reasoning_is_sent_back_in_the_accepted_field(scripted, clock):
    """
    Groq accepts ``reasoning`` and rejects ``reasoning_content``; only the former is sent.
    """
    scripted.reply(200, chat_reply("Hello", reasoning="Be kind.")).reply(200, chat_reply("Bye"))

    message = run_chat(scripted, clock, model="groq/openai/gpt-oss-120b")[1]
    assert message == {"role": "assistant", "content": "Hello", "reasoning": "Be kind."}


@pytest.mark.report("charmbracelet/crush#1590", outcome="right")
def test_reasoning_of_another_server_is_not_sent(scripted, clock):
    """
    Reasoning of one vendor is left out when the conversation continues with another.
    """
    scripted.reply(200, chat_reply("Hello", reasoning_content="Be kind.")).reply(200, chat_reply("Bye"))
    settings = {"providers": {"deepseek": {"api_key": KEY}, "mistral": {"api_key": KEY}}}
    with open_client(scripted, clock, "deepseek/deepseek-reasoner", settings=settings, api_key=None) as client:
        chat = client.chat()
        chat.ask("Hi")
        chat.model = "mistral/mistral-small-latest"
        chat.ask("Thanks")

    assert scripted.sent()["messages"][1] == {"role": "assistant", "content": "Hello"}


def test_reasoning_in_dictionaries_is_sent_or_reported(scripted, clock):
    """
    Reasoning in the caller's dictionaries is sent in a field that the server accepts, or its omission is reported.
    """
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello", "reasoning_content": "Be kind."},
        {"role": "user", "content": "More"},
    ]
    hello = {"role": "assistant", "content": "Hello"}
    for model, expected, adapted in (
        ("deepseek/deepseek-reasoner", {**hello, "reasoning_content": "Be kind."}, []),
        (MODEL, {**hello, "reasoning_content": "Be kind."}, []),
        ("groq/openai/gpt-oss-120b", {**hello, "reasoning": "Be kind."}, []),
        ("mistral/mistral-small-latest", hello, ["messages"]),
        ("openai/gpt-4.1", hello, ["messages"]),
    ):
        scripted.reply(200, chat_reply("Bye"))
        with open_client(scripted, clock, model) as client:
            response = client.ask(messages)
        assert scripted.sent()["messages"][1] == expected
        assert [adaptation.parameter for adaptation in response.adaptations] == adapted


@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
def test_thinking_in_the_content_is_sent_back_there(streamed, scripted, clock):
    """
    Mistral's reasoning is part of the content, and is sent back there before the text.
    """
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Be kind."}]}
    text = {"type": "text", "text": "Hello"}
    if streamed:
        text_part = {"type": "thinking", "thinking": [{"type": "text", "text": "Be "}]}
        rest = {"type": "thinking", "thinking": [{"type": "text", "text": "kind."}]}
        for _ in range(2):
            deltas = [{"content": [text_part]}, {"content": [rest]}, {"content": "Hello"}]
            scripted.reply(200, chunks=events(*map(chunk, deltas), chunk({}, "stop")))
    else:
        scripted.reply(200, chat_reply([thinking, text])).reply(200, chat_reply("Bye"))

    message = run_chat(scripted, clock, streamed=streamed, model="mistral/magistral-medium-latest")[1]
    assert message["content"] == [thinking, text]


def test_structured_reasoning_is_sent_back_without_its_text(scripted, clock):
    """
    OpenRouter's ``reasoning_details`` are sent back unchanged, without the plain reasoning text.
    """
    details = [{"type": "reasoning.text", "text": "Be kind.", "signature": "S"}]
    scripted.reply(200, chat_reply("Hello", reasoning="Be kind.", reasoning_details=details))
    scripted.reply(200, chat_reply("Bye"))

    message = run_chat(scripted, clock, model="openrouter/anthropic/claude-sonnet-4.5")[1]
    assert message == {"role": "assistant", "content": "Hello", "reasoning_details": details}
