"""Arguments of tool calls that are not valid JSON are corrected before they are sent back."""

from __future__ import annotations

import json

import pytest

import budwood
from budwood.types import Message, ToolCallPart, ToolResultPart
from budwood_testing import FakeClock, ScriptedTransport

ARGUMENTS = {
    '{"text": "one\ntwo"}': {"text": "one\ntwo"},
    '{"city": ': {"INVALID_JSON": '{"city": '},
    "[1]": {"INVALID_JSON": "[1]"},
    "rain in Oslo": {"INVALID_JSON": "rain in Oslo"},
    '{"n": NaN}': {"n": None},
    "": {},
    "  ": {},
}
VENDORS = ("openai-compatible/m", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash", "ollama/m")


def send_call(model, arguments):
    """
    Send a conversation with such a call; return the sent arguments and the parameters of the adaptations.
    """
    call = ToolCallPart(id="c1", name="write", arguments=arguments)
    result = ToolResultPart(call_id="c1", name="write", content="These are not valid.", is_error=True)
    messages = [Message.user("Write."), Message(role="assistant", parts=(call,)), Message.tool(result)]
    reply = {
        "choices": [{"index": 0, "message": {"content": "ok"}, "finish_reason": "stop"}],
        "content": [{"type": "text", "text": "ok"}],
        "stop_reason": "end_turn",
        "candidates": [{"content": {"parts": [{"text": "ok"}]}, "finishReason": "STOP"}],
        "message": {"role": "assistant", "content": "ok"},
        "done": True,
    }
    transport = ScriptedTransport().reply(200, reply)
    options = {"base_url": "http://x.test/v1"} if model.startswith("openai-") else {}
    with budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock(), **options) as client:
        response = client.ask(messages, max_tokens=50)
    return read_arguments(transport.sent()), {adaptation.parameter for adaptation in response.adaptations}


def read_arguments(body):
    """
    Return the arguments of the first call in a body of any vendor.
    """
    if "contents" in body:
        return body["contents"][1]["parts"][0]["functionCall"]["args"]
    message = body["messages"][1]
    if "tool_calls" not in message:
        return message["content"][0]["input"]
    arguments = message["tool_calls"][0]["function"]["arguments"]
    return json.loads(arguments) if isinstance(arguments, str) else arguments


@pytest.mark.report("livekit/agents#4196", outcome="mended")
@pytest.mark.parametrize("arguments", ARGUMENTS)
@pytest.mark.parametrize("model", VENDORS)
def test_every_vendor_gets_a_valid_object(model, arguments):
    """
    Arguments with a clear meaning are repaired; all others are wrapped in an object.
    """
    assert send_call(model, arguments)[0] == ARGUMENTS[arguments]


@pytest.mark.parametrize("model", VENDORS[1:])
def test_the_change_is_reported(model):
    """
    A call with invalid arguments is reported as an adaptation; a call without arguments is not.
    """
    assert "messages" in send_call(model, '{"city": ')[1]
    assert "messages" not in send_call(model, "")[1]
