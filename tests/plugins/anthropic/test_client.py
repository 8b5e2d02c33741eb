from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from budwood import Client
from budwood.errors import (
    AuthenticationError,
    CapacityError,
    CredentialError,
    QuotaExhaustedError,
    StreamInterruptedError,
)
from budwood.types import ReasoningPart, TextDelta


class Person(BaseModel):
    name: str
    age: int


def message(*content, stop_reason="end_turn"):
    """
    Create a reply.
    """
    blocks = [{"type": "text", "text": block} if isinstance(block, str) else block for block in content]
    usage = {"input_tokens": 3, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 0, "output_tokens": 5}
    return {"id": "msg_1", "model": "claude-opus-4-8", "content": blocks, "stop_reason": stop_reason, "usage": usage}


def make_stream(*texts):
    """
    Create a streamed reply.
    """
    events = [
        {"type": "message_start", "message": {**message(), "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def test_asking(claude, scripted):
    """
    The key and the version are in headers; the reply has text, usage and id.
    """
    scripted.reply(200, message("Hello"), headers={"request-id": "req_1"})
    response = claude.ask("Hi", system="Be brief.")

    assert (response.text, response.model, response.request_id) == ("Hello", "claude-opus-4-8", "req_1")
    assert (response.usage.input_tokens, response.usage.cache_read_tokens) == (13, 10)
    call = scripted.calls[0]
    assert call.url == "https://api.anthropic.com/v1/messages"
    assert (call.headers["x-api-key"], call.headers["anthropic-version"]) == ("sk-ant-secret", "2023-06-01")
    assert scripted.sent()["system"] == "Be brief."


def test_streaming(claude, scripted):
    """
    Texts arrive as events, and the response is complete at the end.
    """
    scripted.reply(200, chunks=make_stream("Hel", "lo"))
    with claude.stream("Hi") as stream:
        texts = [event.text for event in stream if isinstance(event, TextDelta)]

    assert texts == ["Hel", "lo"]
    assert (stream.response.text, stream.response.usage.output_tokens) == ("Hello", 9)
    assert scripted.sent()["stream"] is True


def test_tools_are_run_and_thinking_is_sent_back(claude, scripted):
    """
    The second request has the thinking with its signature, the call and its result.
    """
    thought = {"type": "thinking", "thinking": "Ask.", "signature": "sig"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    scripted.reply(200, message(thought, call, stop_reason="tool_use")).reply(200, message("Rain."))

    def weather(city: str) -> str:
        """Get the weather."""
        return f"Rain in {city}"

    response = claude.ask("Weather in Oslo?", tools=[weather])

    assert response.text == "Rain."
    assert response.usage.input_tokens == 26
    assert scripted.sent()["messages"][1:] == [
        {"role": "assistant", "content": [thought, call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain in Oslo"}]},
    ]
    assert isinstance(response.messages[0].parts[0], ReasoningPart)


def test_structured_output_is_native_if_supported(claude, scripted):
    """
    Newer models get the output format, older ones a tool.
    """
    scripted.reply(200, message('{"name": "Ada", "age": 36}'))
    call = {"type": "tool_use", "id": "toolu_1", "name": "return_output", "input": {"name": "Ada", "age": 36}}
    scripted.reply(200, message(call, stop_reason="tool_use"))

    native = claude.ask("Ada, 36", schema=Person)
    with_tool = claude.ask("Ada, 36", schema=Person, model="anthropic/claude-3-5-haiku-latest")

    assert native.parsed == with_tool.parsed == Person(name="Ada", age=36)
    assert scripted.sent(0)["output_config"]["format"]["type"] == "json_schema"
    assert scripted.sent(1)["tool_choice"] == {"type": "tool", "name": "return_output"}


def test_counting_tokens_and_listing_models(claude, scripted):
    """
    The vendor counts the tokens of a request, and lists its models.
    """
    scripted.reply(200, {"input_tokens": 14}).reply(200, {"data": [{"id": "claude-a"}]})
    count = claude.count_tokens("Hi")

    assert (count.input_tokens, count.exact) == (14, True)
    assert scripted.calls[0].url.endswith("/v1/messages/count_tokens")
    assert [model.id for model in claude.models()] == ["claude-a"]


def test_a_wrong_key_is_explained(claude, scripted):
    """
    It is not retried, and the error does not contain the key.
    """
    error = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
    scripted.reply(401, error)

    with pytest.raises(AuthenticationError, match="Check the API key") as caught:
        claude.ask("Hi")
    assert "sk-ant-secret" not in str(caught.value) + repr(caught.value.__dict__)
    assert len(scripted.calls) == 1


def test_a_missing_key_is_an_error_before_sending(scripted):
    """
    The error names the environment variable.
    """
    client = Client("anthropic/claude-opus-4-8", transport=scripted)
    with client, pytest.raises(CredentialError, match="ANTHROPIC_API_KEY"):
        client.ask("Hi")
    assert scripted.calls == []


def test_the_vendors_environment_variables(scripted, monkeypatch):
    """
    ``ANTHROPIC_API_KEY`` and ``ANTHROPIC_BASE_URL`` are enough.
    """
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-env")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://gateway.test")
    scripted.reply(200, message("Hello"))
    with Client("anthropic/claude-opus-4-8", transport=scripted, cache=False) as client:
        client.ask("Hi")

    assert scripted.calls[0].url == "https://gateway.test/v1/messages"
    assert scripted.calls[0].headers["x-api-key"] == "sk-ant-env"


def test_overload_is_retried_and_a_spend_cap_is_not(claude, scripted, clock):
    """
    A 529 is retried after a delay; a 429 of a spend cap is raised immediately.
    """
    scripted.reply(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    scripted.reply(200, message("Hello"))
    assert claude.ask("Hi").text == "Hello"
    assert len(clock.slept) == 1

    details = {"error_code": "enforced_spend_limit_reached"}
    scripted.reply(429, {"error": {"type": "rate_limit_error", "message": "Cap.", "details": details}})
    with pytest.raises(QuotaExhaustedError):
        claude.ask("Hi")
    assert len(clock.slept) == 1


def test_overload_within_a_stream_is_retried_before_the_first_content(claude, scripted):
    """
    After the first content it interrupts the stream.
    """
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    event = f"event: error\ndata: {json.dumps(overloaded)}\n\n".encode()
    started, *rest = make_stream("Hello")
    scripted.reply(200, chunks=[started, event]).reply(200, chunks=[started, *rest])
    with claude.stream("Hi") as stream:
        list(stream)
    assert stream.response.text == "Hello"
    assert [attempt.error for attempt in stream.response.attempts] == ["CapacityError", None]

    scripted.reply(200, chunks=[started, *rest[:2], event])
    with claude.stream("Hi") as stream, pytest.raises(StreamInterruptedError, match="Overloaded") as caught:
        list(stream)
    assert isinstance(caught.value.__cause__, CapacityError)
    assert caught.value.response.text == "Hello"
