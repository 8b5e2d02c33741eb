"""Numbers of any size in replies: `ask` and `stream` return a reply or raise an error of Budwood."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from budwood import Client
from budwood.errors import (
    BadResponseError,
    BudwoodError,
    ContextLengthError,
    RateLimitError,
    StructuredOutputError,
)
from budwood.plugins.faults import DecodingBoundary, PluginSource
from budwood_testing import FakeClock, ScriptedTransport, chat_chunks, chat_reply, sse

HUGE = 10**400
NUMBERS = [HUGE, -HUGE, 10**4000, 1e308, -1, 0]


def make_retryless_client(model: str, transport: ScriptedTransport, **options: object) -> Client:
    """
    Create a client with its own clock and without retries.
    """
    return Client(model, api_key="key-of-the-test", transport=transport, clock=FakeClock(), **{"retries": 0, **options})


def make_replies(number: object) -> dict[str, dict[str, object]]:
    """
    Return one reply of each vendor in which all counts are this number.
    """
    openai = {"prompt_tokens": number, "completion_tokens": number, "total_tokens": number, "cost": number}
    anthropic = {"input_tokens": number, "output_tokens": number, "cache_read_input_tokens": number}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "c", "stop_reason": "end_turn"}
    text = [{"type": "text", "text": "ok"}]
    candidate = {"content": {"parts": [{"text": "ok"}]}, "finishReason": "STOP", "index": number}
    gemini = {"promptTokenCount": number, "candidatesTokenCount": number, "cachedContentTokenCount": number}
    ollama = {"prompt_eval_count": number, "eval_count": number, "total_duration": number}
    return {
        "openai/gpt-5": chat_reply("ok", usage=openai) | {"created": number},
        "anthropic/claude-haiku-4-5": message | {"content": text, "usage": anthropic},
        "gemini/gemini-2.5-pro": {"candidates": [candidate], "usageMetadata": gemini},
        "ollama/llama3": {"message": {"role": "assistant", "content": "ok"}, "done": True, "done_reason": "stop"}
        | ollama,
    }


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"{str(number)[:6]}…")
@pytest.mark.parametrize("model", list(make_replies(0)))
def test_huge_counts_in_a_reply_are_read_or_raise_budwood_error(model, number):
    """
    The reply is priced, cached, counted and logged like any other, or the call raises a BudwoodError.
    """
    transport = ScriptedTransport().reply(200, make_replies(number)[model])

    with make_retryless_client(model, transport, cache="memory") as client:
        try:
            reply = client.ask("word " * 300)
        except BudwoodError:
            return
        assert reply.text == "ok"
        assert client.ask("word " * 300).cached
        assert client.count_tokens("word " * 300, offline=True).input_tokens > 0


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"{str(number)[:6]}…")
def test_huge_counts_in_a_stream_are_read_or_raise_budwood_error(number):
    """
    A stream with huge counts is read to its end, or raises a BudwoodError.
    """
    usage = {"prompt_tokens": number, "completion_tokens": number, "cost_in_usd_ticks": number}
    transport = ScriptedTransport().reply(chunks=sse(*chat_chunks(["ok"]), {"id": "c", "choices": [], "usage": usage}))

    with make_retryless_client("openai/gpt-5", transport) as client, client.stream("Hi") as stream:
        assert "".join(stream.text_deltas()) == "ok"


@pytest.mark.parametrize("delay", [HUGE, f"{HUGE}s", "1e999s", 1e300, -HUGE, [HUGE]])
def test_a_huge_delay_does_not_change_the_error(delay):
    """
    A huge delay does not change the class of the error, and the client does not wait.
    """
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Slow down.", "details": [info]}
    transport = ScriptedTransport().reply(429, {"error": error}).reply(429, {"error": error})

    with make_retryless_client("gemini/gemini-2.5-pro", transport, retries=1) as client, pytest.raises(RateLimitError):
        client.ask("Hi")


@pytest.mark.parametrize(
    "header",
    [
        "9" * 400,
        "1e999",
        "nan",
        "-5",
        "Mon, 01 Jan 99999999999999 00:00:00 GMT",
        "Mon, 01 Jan 9999 00:00:00 -9999",
        "\u0661",
    ],
)
@pytest.mark.parametrize("name", ["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens"])
def test_huge_and_invalid_headers_are_ignored(name, header):
    """
    Dates in the year 99999999999999 and endless numbers in headers are ignored.
    """
    transport = ScriptedTransport().reply(429, {"error": {"message": "Slow down."}}, headers={name: header})

    with make_retryless_client("openai/gpt-5", transport) as client, pytest.raises(RateLimitError):
        client.ask("Hi")


@pytest.mark.parametrize("digits", [400, 4000, 5000])
@pytest.mark.parametrize("keyword", [{"multipleOf": 0.1}, {"multipleOf": 3}, {"maximum": 1e300}, {"type": "integer"}])
def test_huge_numbers_in_structured_output_are_validated(keyword, digits):
    """
    If the validator fails with an exception of its own, the reply does not satisfy the schema.
    """
    schema = {"type": "object", "properties": {"n": {"type": "number", **keyword}}}
    transport = ScriptedTransport().reply(200, chat_reply(f'{{"n": {"9" * digits}}}'))

    with make_retryless_client("openai/gpt-5", transport) as client:
        try:
            reply = client.ask("A number.", schema=schema, repairs=0)
        except StructuredOutputError:
            return
        assert reply.parsed["n"] > 1


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"error":' * 100_000, b'{"error": ' + b"9" * 5000 + b"}"])
@pytest.mark.parametrize("status", [200, 400, 429])
def test_extreme_json_raises_budwood_error(body, status):
    """
    Deeply nested JSON and numbers of 5,000 digits raise a BudwoodError.
    """
    transport = ScriptedTransport().reply(status, body)

    with make_retryless_client("openai/gpt-5", transport) as client, pytest.raises(BudwoodError) as caught:
        client.ask("Hi")
    assert not isinstance(caught.value, ContextLengthError)
    assert caught.value.status == status


RAISED: list[Callable[[], object]] = [
    lambda: float(HUGE),
    lambda: Decimal("many"),
    lambda: int("9" * 5000),
    lambda: "a".encode("no-such-codec"),
    lambda: {}["id"],
]


@pytest.mark.parametrize("decode", RAISED)
def test_every_parsing_error_is_a_bad_response(decode):
    """
    An exception that a decoder raises because of the reply's content becomes BadResponseError.
    """
    boundary = DecodingBoundary(PluginSource("mint"), "decode", b"{}")

    with pytest.raises(BadResponseError, match="Unexpected response format"), boundary:
        decode()
