"""Requests that Anthropic rejects: thinking with a forced tool, two sampling parameters, open calls, image types."""

from __future__ import annotations

import base64

import pytest
from pydantic import BaseModel

from budwood import InvalidRequestError
from tests.plugins.media_images import make_image
from tests.reports.wire import CLAUDE, make_claude_reply, weather

HELLO = make_claude_reply({"type": "text", "text": "Hello."})
JPEG = make_image("JPEG")


class Menu(BaseModel):
    name: str


@pytest.mark.report("run-llama/llama_index#19641", outcome="mended")
@pytest.mark.report("langchain-ai/langchain#35539", outcome="mended")
@pytest.mark.parametrize("model", [CLAUDE, "anthropic/claude-3-7-sonnet-20250219"])
def test_a_schema_forces_no_tool_while_the_model_thinks(model, scripted, make_client):
    """
    Structured output with thinking does not force a tool, since Anthropic rejects that combination.
    """
    text = {"type": "text", "text": '{"name": "Soup"}'}
    scripted.reply(200, make_claude_reply(text))
    thinking = {"type": "enabled", "budget_tokens": 1024}

    reply = make_client(model).ask("Menu?", schema=Menu, max_tokens=4096, extra={"thinking": thinking})

    assert scripted.sent(0)["thinking"] == thinking
    assert scripted.sent(0).get("tool_choice", {"type": "auto"})["type"] in {"auto", "none"}
    assert reply.parsed == Menu(name="Soup")


@pytest.mark.report("anomalyco/opencode#1644", outcome="right")
@pytest.mark.report("chatboxai/chatbox#2670", outcome="right")
@pytest.mark.parametrize("model", [CLAUDE, "anthropic/claude-opus-4-1-20250805"])
def test_only_one_sampling_parameter_is_sent(model, scripted, make_client):
    """
    Models since Opus 4.1 reject `temperature` with `top_p`: one is sent, the other is listed as dropped.
    """
    scripted.reply(200, HELLO)

    reply = make_client(model).ask("Hi", temperature=0.5, top_p=0.9)

    assert len({"temperature", "top_p"} & set(scripted.sent())) == 1
    assert {adaptation.parameter for adaptation in reply.adaptations} & {"temperature", "top_p"}


@pytest.mark.report("langfuse/langfuse#9882", outcome="right")
def test_a_parameter_that_was_not_given_is_not_sent(scripted, make_client):
    """
    If only `top_p` is set, no temperature is sent, not even a default.
    """
    scripted.reply(200, HELLO)

    make_client(CLAUDE).ask("Hi", top_p=0.9)

    assert scripted.sent()["top_p"] == 0.9
    assert "temperature" not in scripted.sent()


@pytest.mark.report("MayDay-wpf/snow-cli#68", outcome="right")
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, InvalidRequestError])
def test_an_interrupted_tool_leaves_no_call_without_a_result(interruption, scripted, make_client):
    """
    After an interruption during a tool, the chat continues without that turn, so that no call lacks a result.
    """
    use = {"type": "tool_use", "id": "t1", "name": "stop", "input": {}}

    def stop() -> str:
        """Stop."""
        if interruption is KeyboardInterrupt:
            raise KeyboardInterrupt
        return "stopped"

    scripted.reply(200, HELLO).reply(200, make_claude_reply(use, stop_reason="tool_use"))
    if interruption is InvalidRequestError:
        scripted.reply(400, {"error": {"type": "invalid_request_error", "message": "Broken."}})
    scripted.reply(200, HELLO)
    chat = make_client(CLAUDE).chat(tools=[stop])
    chat.ask("Hi")
    with pytest.raises(interruption):
        chat.ask("Stop.")

    chat.ask("Are you there?")

    assert scripted.sent()["messages"] == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Are you there?"},
    ]


@pytest.mark.report("home-assistant/core#167208", outcome="mended")
def test_the_type_of_an_image_is_that_of_its_bytes(scripted, make_client, tmp_path):
    """
    A JPEG in a file named .png is sent as JPEG: Anthropic rejects a media type that does not match the bytes.
    """
    (tmp_path / "doorbell_ring.png").write_bytes(JPEG)
    scripted.reply(200, HELLO)

    make_client(CLAUDE).ask("Who is it?", files=["doorbell_ring.png"])

    source = scripted.sent()["messages"][0]["content"][0]["source"]
    assert source["media_type"] == "image/jpeg"
    assert base64.b64decode(source["data"]) == JPEG


@pytest.mark.report("BerriAI/litellm#3474", outcome="right")
def test_a_history_of_many_roles_keeps_results_beside_their_calls(scripted, make_client):
    """
    Speaker names and late system messages are adapted; each tool result directly follows its call.
    """
    call = {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "Let me look.", "name": "automator", "tool_calls": [call]},
        {"role": "tool", "content": "rain", "tool_call_id": "t1"},
        {"role": "assistant", "content": "Rain.", "name": "automator"},
        {"role": "assistant", "content": "Anything else?", "name": "automator"},
        {"role": "user", "content": "And Rome?"},
        {"role": "system", "content": "Answer in French.", "name": "director"},
    ]
    scripted.reply(200, HELLO)

    reply = make_client(CLAUDE).ask(history, tools=[weather])

    sent = scripted.sent()
    turns = [message["role"] for message in sent["messages"]]
    assert turns == [
        "user",
        "assistant",
        "user",
        "assistant",
        "assistant",
        "user",
    ]  # Anthropic joins successive turns of one role
    assert sent["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "t1", "content": "rain"}]
    assert [block["text"] for block in sent["system"]] == ["Be brief.", "Answer in French."]
    assert {adaptation.parameter for adaptation in reply.adaptations} == {"message.name", "messages"}
