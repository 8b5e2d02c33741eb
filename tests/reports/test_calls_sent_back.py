"""Tool calls in the history: arguments, names and missing results that vendors reject."""

from __future__ import annotations

import json
import string

import pytest

from budwood import Message, UnsupportedError
from budwood.engine.chat.open_calls import NO_RESULT
from budwood.types import ToolCallPart
from budwood_testing import chat_reply
from tests.reports.wire import CALL, CLAUDE, GEMINI, make_claude_reply, make_gemini_reply, weather

OPEN_CALL = ToolCallPart(id="call_1", name="weather", arguments='{"city": "Oslo"}')


@pytest.mark.report("vllm-project/vllm#19419", outcome="mended")
@pytest.mark.report("openai/openai-agents-js#664", outcome="mended")
@pytest.mark.parametrize("arguments", ["", "  ", None, "null"])
def test_a_call_without_arguments_runs_and_is_sent_back_as_an_object(arguments, scripted, make_client):
    """
    Models call tools without parameters with empty arguments; vLLM rejects these in the history.
    """
    call = {**CALL, "function": {"name": "ping", "arguments": arguments}}
    scripted.reply(200, chat_reply(tool_calls=[call], finish_reason="tool_calls")).reply(200, chat_reply("Done."))

    make_client().ask("Ping.", tools=[ping])

    sent = scripted.sent()["messages"]
    assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {}
    assert sent[2]["content"] == "pong"


@pytest.mark.report("mcp-use/mcp-use#90", outcome="mended")
def test_an_invalid_tool_name_is_not_sent_back(scripted, make_client):
    """
    OpenAI rejects tool names in the history with characters other than letters, digits, `_` and `-`.
    """
    call = {**CALL, "function": {**CALL["function"], "name": "functions.weather now"}}
    scripted.reply(200, chat_reply(tool_calls=[call], finish_reason="tool_calls")).reply(200, chat_reply("Sorry."))

    make_client("openai/gpt-4.1", api="chat").ask("Weather?", tools=[weather])

    name = scripted.sent()["messages"][1]["tool_calls"][0]["function"]["name"]
    assert set(name) <= set(string.ascii_letters + string.digits + "_-")


@pytest.mark.report("lidge-jun/opencodex#620", outcome="mended")
@pytest.mark.report("microsoft/vscode#299295", outcome="mended")
@pytest.mark.report("langgenius/dify-official-plugins#2352", outcome="mended")
@pytest.mark.parametrize("model", [CLAUDE, GEMINI, "openai/gpt-4.1"])
def test_a_call_without_a_result_gets_one_that_says_so(model, scripted, make_client):
    """
    A history with a call that was not run can be continued; vendors reject a call without a result.
    """
    calls = [{**CALL, "id": name} for name in ("call_1", "call_2")]
    history = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {"role": "user", "content": "Never mind. Hello!"},
        {"role": "assistant", "content": None, "tool_calls": [{**CALL, "id": "call_3"}]},
    ]
    replies = {CLAUDE: make_claude_reply({"type": "text", "text": "Hi."}), GEMINI: make_gemini_reply({"text": "Hi."})}
    scripted.reply(200, replies.get(model) or chat_reply("Hi."))

    reply = make_client(model, api="chat" if model.startswith("openai") else None).ask(history)

    assert list_results(scripted.sent()) == [["rain", NO_RESULT], [NO_RESULT]]
    assert [adaptation.parameter for adaptation in reply.adaptations] == ["messages"]


def test_a_call_without_a_result_is_an_error_if_adaptations_are_errors(scripted, make_client):
    """
    With `on_unsupported="error"` the history is not changed, and nothing is sent.
    """
    history = [Message.user("Weather?"), Message(role="assistant", parts=(OPEN_CALL,)), Message.user("Hello!")]

    with pytest.raises(UnsupportedError, match="without a result"):
        make_client(on_unsupported="error").ask(history)

    assert scripted.calls == []


def list_results(sent):
    """
    Return the tool results in a request, grouped by turn.
    """
    turns = [[]]
    for message in sent.get("messages") or sent["contents"]:
        content = message.get("content") or message.get("parts")
        blocks = content if isinstance(content, list) else []
        found = [block["content"] for block in blocks if block.get("type") == "tool_result"]
        found += [
            next(iter(block["functionResponse"]["response"].values()))
            for block in blocks
            if "functionResponse" in block
        ]
        if message["role"] == "tool":
            found.append(message["content"])
        if found:
            turns[-1] += found
        elif turns[-1]:
            turns.append([])
    return [turn for turn in turns if turn]


def ping() -> str:
    """
    Ping.
    """
    return "pong"
