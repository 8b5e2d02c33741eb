"""Error replies in unusual forms keep their status, their message and their error class."""

from __future__ import annotations

import json

import pytest

import budwood
from budwood.providing import find_message, parse_count, parse_duration, parse_rate_limits, parse_retry_after
from budwood_testing import FakeClock, ScriptedTransport

VENDORS = ("openai-compatible/m", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash", "ollama/m")
HUGE = "9" * 400

FORMS = (
    {"error": "used up"},
    {"error": {"message": "used up"}},
    {"error": {"message": {"text": 1, "detail": "used up"}}},
    {"error": ["used up"]},
    [{"error": {"message": "used up"}}],
    {"errors": [{"message": "used up"}]},
    {"message": "used up"},
    {"detail": "used up"},
    {"detail": [{"loc": ["body"], "msg": "used up"}]},
    {"code": 1113, "msg": "used up"},
    {"base_resp": {"status_code": 1008, "status_msg": "used up"}},
    {"success": False, "message": "used up"},
    {"type": "about:blank", "title": "used up", "status": 500},
    {"error_description": "used up"},
    "used up",
)


def fail(model, status, body, headers=None, **options):
    """
    Ask a server that answers with this error, and return the exception.
    """
    transport = ScriptedTransport().reply(status, body, headers=headers or {})
    if model.startswith("openai-compatible/"):
        options["base_url"] = "http://x.test/v1"
    client = budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock(), retries=0, **options)
    with client, pytest.raises(budwood.BudwoodError) as caught:
        client.ask("Hi", max_tokens=50)
    return caught.value


@pytest.mark.parametrize("model", VENDORS)
def test_the_status_of_a_server_error_is_shown(model):
    """
    The message starts with the status, and does not mention a request id if there is none.
    """
    error = fail(model, 500, {"error": {"message": "kaputt"}})

    name = model.partition("/")[0]
    assert str(error) == f"{name}: HTTP 500: kaputt. Retry later."
    assert isinstance(error, budwood.ServerError)


def test_a_request_id_is_mentioned_where_there_is_one():
    """
    If the reply has a request id, the error refers to its attribute `request_id`.
    """
    error = fail("openai-compatible/m", 500, {"error": {"message": "kaputt"}}, {"x-request-id": "req_1"})

    assert error.request_id == "req_1"
    assert "`request_id`" in str(error)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("model", VENDORS)
def test_every_error_that_quotes_the_vendor_shows_the_status(model, status):
    """
    Every error that quotes a vendor also shows the status.
    """
    assert str(fail(model, status, {"error": {"message": "kaputt"}})).partition(": ")[2].startswith(f"HTTP {status}: ")


@pytest.mark.parametrize("body", FORMS, ids=json.dumps)
@pytest.mark.parametrize("model", VENDORS)
def test_the_server_message_is_found_in_any_form(model, body):
    """
    The error contains the server's message in whatever form a gateway sends it, and the status decides the class.
    """
    error = fail(model, 500, json.dumps(body).encode())

    assert "used up" in str(error)
    assert type(error) is budwood.ServerError


@pytest.mark.parametrize(
    "body", [b"", b"<html><title>Bad gateway</title>", b"upstream gone", b"[]", b"{}", b"null", b"7"]
)
@pytest.mark.parametrize("model", VENDORS)
def test_a_body_without_a_message_leaves_the_status(model, body):
    """
    Without a message, the error names the status, which decides the class.
    """
    error = fail(model, 502, body)

    assert "HTTP 502" in str(error)
    assert type(error) is budwood.ServerError


HOSTILE_FIELDS = (
    {"code": HUGE},
    {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": HUGE}]},
    {"details": 7},
    {"details": {"error_code": [1]}},
    {"details": [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": 7}]},
    {"type": {"a": 1}, "code": [], "status": {}, "param": 3},
)


@pytest.mark.parametrize("fields", HOSTILE_FIELDS, ids=str)
@pytest.mark.parametrize("model", VENDORS)
def test_hostile_fields_do_not_change_the_class_of_an_error(model, fields):
    """
    Fields with numbers of 400 digits or of the wrong type do not change the class of the error.
    """
    body = json.dumps({"error": {"message": "slow down", **fields}}).replace(f'"{HUGE}"', HUGE)
    error = fail(model, 429, body.encode())

    assert type(error) is budwood.RateLimitError
    assert "slow down" in str(error)
    assert error.retry_after is None


@pytest.mark.parametrize("value", ["34s", 34, "34", {"seconds": "34", "nanos": 0}, {"seconds": 34}])
def test_gemini_states_the_delay_in_several_forms(value):
    """
    The delay can be a duration as text, a number, or an object with seconds.
    """
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": value}]

    assert fail("gemini/m", 429, {"error": {"message": "slow", "details": details}}).retry_after == 34.0


HOSTILE_HEADERS = (
    {"retry-after": HUGE},
    {"retry-after": f"1{'0' * 5000}"},
    {"retry-after": f"Mon, 01 Jan {HUGE} 00:00:00 GMT"},
    {"retry-after": "Mon, 99 Foo 0000 99:99:99 +9999999999"},
    {"retry-after-ms": "nan", "x-should-retry": HUGE},
    {"x-ratelimit-remaining-requests": HUGE, "x-ratelimit-reset-tokens": f"{HUGE}s"},
    {"anthropic-ratelimit-requests-limit": HUGE, "anthropic-ratelimit-requests-reset": f"{HUGE}-01-01T00:00:00Z"},
    {"anthropic-ratelimit-tokens-remaining": "7" * 5000, "date": f"Mon, 01 Jan {HUGE} 00:00:00 GMT"},
)


@pytest.mark.parametrize("headers", HOSTILE_HEADERS, ids=",".join)
@pytest.mark.parametrize("model", VENDORS)
def test_hostile_headers_do_not_change_the_class_of_an_error(model, headers):
    """
    Numbers and dates out of range in headers are ignored.
    """
    error = fail(model, 429, {"error": {"message": "slow down"}}, headers)

    assert type(error) is budwood.RateLimitError
    assert error.retry_after is None


@pytest.mark.parametrize("model", VENDORS)
def test_impossible_token_counts_are_unknown(model):
    """
    A reply with a token count of 400 digits keeps its text; the count is unknown.
    """
    usage = f'"prompt_tokens": {HUGE}, "input_tokens": {HUGE}, "output_tokens": {HUGE}, "promptTokenCount": {HUGE}'
    body = f"""{{
        "choices": [{{"index": 0, "message": {{"role": "assistant", "content": "hi"}}, "finish_reason": "stop"}}],
        "content": [{{"type": "text", "text": "hi"}}], "stop_reason": "end_turn",
        "candidates": [{{"content": {{"parts": [{{"text": "hi"}}]}}, "finishReason": "STOP"}}],
        "message": {{"role": "assistant", "content": "hi"}}, "done": true, "prompt_eval_count": {HUGE},
        "usage": {{{usage}}}, "usageMetadata": {{{usage}}}
    }}"""
    transport = ScriptedTransport().reply(200, body.encode())
    options = {"base_url": "http://x.test/v1"} if model.startswith("openai-") else {}
    with budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock(), **options) as client:
        reply = client.ask("Hi", max_tokens=50)

    assert reply.text == "hi"
    assert reply.usage.input_tokens is None


def test_token_counts_can_be_texts_or_floats():
    """
    Token counts can be texts or floats; other values are unknown.
    """
    assert [parse_count(value) for value in (7, "7", 7.0, 0)] == [7, 7, 7, 0]
    assert [parse_count(value) for value in (-1, True, None, [], HUGE, int(HUGE), "nan", 2**54)] == [None] * 8
    assert [parse_duration(value) for value in ("6m0s", 3, int(HUGE), [3], "9" * 100_000, True)] == [360.0, 3.0] + [
        None
    ] * 4
    assert parse_retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, now=1445412470.0) == 10.0
    assert parse_rate_limits({"x-ratelimit-remaining-requests": HUGE}).remaining_requests is None


def test_a_text_is_not_searched_endlessly():
    """
    The search for a message stops in deeply nested objects.
    """
    body = "used up"
    for _ in range(10_000):
        body = {"error": body}

    assert find_message(body) is None
