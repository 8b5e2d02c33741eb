"""Calls of tools in the history: arguments and names as the next request may hold them."""

from __future__ import annotations

import json
import string

import pytest

from budwood_testing import chat_reply
from tests.reports.wire import CALL, weather


@pytest.mark.report("vllm-project/vllm#19419", outcome="mended")
@pytest.mark.report("openai/openai-agents-js#664", outcome="mended")
@pytest.mark.parametrize("arguments", ["", "  ", None, "null"])
def test_a_call_without_arguments_runs_and_goes_back_as_an_object(arguments, scripted, make_client):
    """
    Models call a tool without parameters with an empty text; vLLM refuses that text in the history.
    """
    call = {**CALL, "function": {"name": "ping", "arguments": arguments}}
    scripted.reply(200, chat_reply(tool_calls=[call], finish_reason="tool_calls")).reply(200, chat_reply("Done."))

    make_client().ask("Ping.", tools=[ping])

    sent = scripted.sent()["messages"]
    assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {}
    assert sent[2]["content"] == "pong"


@pytest.mark.report("mcp-use/mcp-use#90", outcome="mended")
def test_a_name_that_no_tool_can_have_does_not_go_back(scripted, make_client):
    """
    OpenAI refuses a history with a call whose name has other characters than letters, digits, `_` and `-`.
    """
    call = {**CALL, "function": {**CALL["function"], "name": "functions.weather now"}}
    scripted.reply(200, chat_reply(tool_calls=[call], finish_reason="tool_calls")).reply(200, chat_reply("Sorry."))

    make_client("openai/gpt-4.1", api="chat").ask("Weather?", tools=[weather])

    name = scripted.sent()["messages"][1]["tool_calls"][0]["function"]["name"]
    assert set(name) <= set(string.ascii_letters + string.digits + "_-")


def ping() -> str:
    """
    Ping.
    """
    return "pong"
