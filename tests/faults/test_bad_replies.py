"""Servers that break their promises: every fault is a clear error with a cure, alike in all ways of asking."""

from __future__ import annotations

import itertools
import json
import traceback
import tracemalloc

import pytest

from budwood.clock import SystemClock
from budwood.engine.pipeline.sending import MAX_ERROR_BYTES
from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    BudwoodError,
    CapacityError,
    ConnectionFailedError,
    RateLimitError,
    RequestTimeoutError,
    ResponseTooLargeError,
    ServerError,
    StreamInterruptedError,
)
from budwood.types import MAX_REPLY_BYTES
from budwood.wire import MAX_LINE_BYTES
from budwood_testing import chat_chunks, chat_reply, sse
from tests.servers import CHUNKED, EVENT_STREAM, LEAVE, chunk, head, reply

HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
GOOD = reply(200, chat_reply("good"))
WITH_HTML = {"content_type": "text/html"}


def failure(ask, expected: type[BudwoodError], **options) -> BudwoodError:
    """Ask, and return the error; each says what to do, where it came from, and keeps the key to itself."""
    with pytest.raises(expected) as caught:
        ask(**options)
    error = caught.value
    assert type(error) is expected
    assert error.hint
    assert str(error).isprintable()
    assert error.provider == "openai"
    assert error.model == "gpt-4o"
    assert "sk-test-secret" not in "".join(traceback.format_exception(error))
    assert all(attempt.error for attempt in error.attempts)
    return error


def stream(*pieces: bytes) -> bytes:
    """Write a streamed reply that ends with its connection."""
    return head(**EVENT_STREAM) + b"".join(pieces)


def beginning(*texts: str) -> bytes:
    """Write the first chunks of a streamed reply."""
    return b"".join(sse(*chat_chunks(texts, finish_reason=None), done=False))


def test_a_server_that_hangs_up_is_asked_again(ask, loopback_server, clock):
    """
    No byte of a reply has come: the call is repeated, and its ledger shows both attempts.
    """
    loopback_server.play(b"").play(GOOD)

    response = ask()

    assert response.text == "good"
    assert [attempt.error for attempt in response.attempts] == ["ConnectionFailedError", None]
    assert len(clock.slept) == 1


def test_a_server_that_always_hangs_up(ask, loopback_server):
    """
    After all retries the last error is the caller's, with every attempt.
    """
    loopback_server.play(b"", times=3)

    error = failure(ask, ConnectionFailedError)

    assert len(error.attempts) == len(loopback_server.requests) == 3


def test_a_stream_that_breaks_after_text(ask_streamed, loopback_server):
    """
    A reply that the caller has seen part of is not repeated: the error carries what arrived.
    """
    loopback_server.play(head(**CHUNKED, **EVENT_STREAM), chunk(beginning("Hello, ", "wor")))

    error = failure(ask_streamed, StreamInterruptedError)

    assert error.response.text == "Hello, wor"
    assert not error.retryable
    assert len(loopback_server.requests) == 1


def test_a_stream_that_ends_without_its_end(ask_streamed, loopback_server):
    """
    Without finish reason and `[DONE]` a stream is interrupted, although the connection ended in order.
    """
    loopback_server.play(stream(beginning("Hello")))

    error = failure(ask_streamed, StreamInterruptedError)

    assert error.response.text == "Hello"
    assert error.response.finish_reason == "other"


def test_a_stream_that_breaks_before_text_is_asked_again(ask_streamed, loopback_server):
    """
    Nobody has seen anything of the first attempt, so that the second is the reply.
    """
    loopback_server.play(stream(b": ping\n\n")).play(stream(*sse(*chat_chunks(["good"]))))

    response = ask_streamed()

    assert response.text == "good"
    assert [attempt.error for attempt in response.attempts] == ["StreamInterruptedError", None]


def test_a_stream_that_is_empty_each_time(ask_streamed, loopback_server):
    """
    Nothing arrived, so that the error holds no response.
    """
    loopback_server.play(stream(), times=3)

    error = failure(ask_streamed, StreamInterruptedError)

    assert error.response is None
    assert len(loopback_server.requests) == 3


def test_html_in_place_of_json(ask, loopback_server):
    """
    A login page with 200 is told by its title, once, with the question whether base_url is right.
    """
    loopback_server.play(reply(200, "<!DOCTYPE html><title>Sign in</title>", **WITH_HTML))

    error = failure(ask, BadResponseError)

    assert "HTML ('Sign in')" in error.message
    assert "base_url" in error.hint
    assert len(loopback_server.requests) == 1


def test_html_of_a_gateway(ask, loopback_server):
    """
    A gateway's 502 is a failure of the server, retried, and told by the page's title.
    """
    loopback_server.play(reply(502, HTML, **WITH_HTML), times=3)

    error = failure(ask, ServerError)

    assert error.status == 502
    assert "502 Bad Gateway" in error.message
    assert "<" not in error.message
    assert len(error.attempts) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{}",
        b'{"choices": []}',
        b'{"choices": 7}',
        b'{"choices": [7]}',
        b'{"choices": {"message": 7}}',
        b'{"choices": [{"message": 7}]}',
        b'{"choices": [{"message": {"content": "x", "tool_calls": [7]}}]}',
        b'{"choices": [{"message": {"content": "x", "refusal": 7}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": "x"}, "finish_reason": 7}]}',
        b'{"model": 7, "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}',
        b"\xff\xfe\x00",
        b"\x1f\x8b not gzip",
    ],
)
def test_a_body_in_no_form_that_is_promised(ask, loopback_server, body):
    """
    Broken JSON, or JSON of another form, is an error of the reply: no crash, and no empty text in its place.
    """
    loopback_server.play(reply(200, body), times=3)

    with pytest.raises((BadResponseError, StreamInterruptedError)) as caught:
        ask()

    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_body_cut_short(ask_plain, loopback_server):
    """
    Fewer bytes than announced are a broken connection, and asked for again.
    """
    cut = head(length=1000) + json.dumps(chat_reply("half")).encode()
    loopback_server.play(cut).play(GOOD)

    assert ask_plain().text == "good"


def test_a_body_cut_short_each_time(ask_plain, loopback_server):
    """
    A reply that is never whole is an error, even where its bytes would be JSON.
    """
    loopback_server.play(head(length=1000) + json.dumps(chat_reply("half")).encode(), times=3)

    assert len(failure(ask_plain, ConnectionFailedError).attempts) == 3


def test_an_error_inside_a_stream_before_text(ask_streamed, loopback_server):
    """
    An error event in a 200 stream is an error; before any text it is retried as its kind allows.
    """
    overloaded = {"error": {"message": "Overloaded", "type": "overloaded_error"}}
    loopback_server.play(stream(*sse(overloaded)), times=3)

    error = failure(ask_streamed, CapacityError)

    assert error.code == "overloaded_error"
    assert len(error.attempts) == 3


def test_an_error_inside_a_stream_after_text(ask_streamed, loopback_server):
    """
    After text it is an interruption, with the vendor's words, its code, and what arrived.
    """
    failed = {"error": {"message": "The server had an error", "code": "server_error"}}
    loopback_server.play(stream(beginning("Hel"), *sse(failed)))

    error = failure(ask_streamed, StreamInterruptedError)

    assert error.response.text == "Hel"
    assert error.code == "server_error"
    assert "The server had an error" in error.message


def test_an_error_inside_a_whole_reply(ask_plain, loopback_server):
    """
    HTTP 200 with an error object is the error that its code says.
    """
    loopback_server.play(reply(200, {"error": {"message": "Slow down", "code": 429}}), times=3)

    error = failure(ask_plain, RateLimitError)

    assert error.status == 429
    assert "Slow down" in error.message


def test_wrong_credentials(ask, loopback_server, key):
    """
    A refused key is never tried again; where the server repeats it, it is taken out of the error.
    """
    said = {"error": {"message": f"Incorrect API key provided: {key}.", "code": "invalid_api_key"}}
    loopback_server.play(reply(401, said))

    error = failure(ask, AuthenticationError)

    assert error.status == 401
    assert "API key" in error.hint
    assert len(error.attempts) == len(loopback_server.requests) == 1
    assert loopback_server.requests[0].headers["authorization"] == f"Bearer {key}"


def test_wrong_credentials_inside_a_200(ask, loopback_server, key):
    """
    The key is taken out of errors inside a 200 too, whole or streamed.
    """
    said = {"error": {"message": f"Incorrect API key provided: {key}.", "code": "invalid_api_key"}}
    loopback_server.play(reply(200, said))

    assert "[redacted]" in failure(ask, AuthenticationError).message


def test_a_key_that_comes_back_as_no_json(ask, loopback_server, key):
    """
    The key is taken out of what is quoted of a body that is no JSON.
    """
    loopback_server.play(reply(200, f"key {key} is wrong"), times=3)

    with pytest.raises(BudwoodError) as caught:
        ask()

    assert key not in "".join(traceback.format_exception(caught.value))


def test_a_reply_of_two_gigabytes(ask_plain, loopback_server):
    """
    A body announced larger than the limit is refused before it is read, once.
    """
    loopback_server.play(head(length=2 * 1024**3), LEAVE)

    error = failure(ask_plain, ResponseTooLargeError)

    assert f"{MAX_REPLY_BYTES:,} bytes" in error.message
    assert len(loopback_server.requests) == 1
    assert loopback_server.left.wait(60)


def test_an_endless_reply(ask_plain, loopback_server):
    """
    A body without end is read to the limit and no further; the connection is closed and the memory bounded.
    """
    loopback_server.play(head(**CHUNKED), itertools.repeat(chunk(b"x" * 1024 * 1024), 256))

    tracemalloc.start()
    failure(ask_plain, ResponseTooLargeError)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert loopback_server.left.wait(60)
    assert loopback_server.sent < 2 * MAX_REPLY_BYTES
    assert peak < 2 * MAX_REPLY_BYTES


def test_an_endless_line_in_a_stream(ask_streamed, loopback_server):
    """
    An event whose line never ends is refused at the limit of a line.
    """
    loopback_server.play(stream(b"data: "), itertools.repeat(b"x" * 1024 * 1024, 256))

    error = failure(ask_streamed, ResponseTooLargeError)

    assert f"{MAX_LINE_BYTES:,} bytes" in error.message
    assert loopback_server.left.wait(60)
    assert loopback_server.sent < 2 * MAX_LINE_BYTES


def test_an_endless_stream_of_comments(ask_streamed, loopback_server):
    """
    A stream of keep-alives alone ends at the limit of a reply, since its bytes count although they say nothing.
    """
    comments = (b": " + b"p" * 65_536 + b"\n\n") * 16
    loopback_server.play(stream(), itertools.repeat(comments, 256))

    failure(ask_streamed, ResponseTooLargeError)

    assert loopback_server.left.wait(60)


def test_an_endless_page_in_place_of_a_stream(ask_streamed, loopback_server):
    """
    HTML without end is refused at the limit of a reply.
    """
    loopback_server.play(stream(b"<html>"), itertools.repeat(b"x" * 1024 * 1024, 256))

    failure(ask_streamed, ResponseTooLargeError)

    assert loopback_server.left.wait(60)


def test_an_error_with_an_endless_page_keeps_its_status(ask, loopback_server):
    """
    Of an error's body no more than its beginning is read: the status says what it is.
    """
    page = HTML.encode() + b" " * MAX_ERROR_BYTES
    loopback_server.play(reply(503, page), times=3)

    error = failure(ask, CapacityError)

    assert error.status == 503
    assert "502 Bad Gateway" in error.message


def test_an_errors_endless_page_is_not_read_to_its_end(ask, loopback_server):
    """
    The connection is left where the beginning was read.
    """
    endless = 32 * MAX_ERROR_BYTES
    loopback_server.play(head(401, length=endless), itertools.repeat(b" " * 65536, endless // 65536))

    failure(ask, AuthenticationError)

    assert loopback_server.left.wait(60)
    assert loopback_server.sent < endless / 2


def test_an_error_cut_short_keeps_its_status(ask, loopback_server):
    """
    A 401 whose body breaks off is a refused key, not a broken connection that is tried again.
    """
    loopback_server.play(head(401, length=1000) + b'{"error": {"mess')

    error = failure(ask, AuthenticationError)

    assert error.status == 401
    assert len(loopback_server.requests) == 1


def test_a_server_slower_than_the_deadline(ask, loopback_server):
    """
    A server that never answers is given up when the call's time is over, and not asked again.
    """
    loopback_server.play(LEAVE)

    error = failure(ask, RequestTimeoutError, timeout=0.2, client_options={"clock": SystemClock()})

    assert error.phase == "deadline"
    assert "timeout" in error.hint
    assert len(error.attempts) == 1
    assert loopback_server.left.wait(60)


def test_a_stream_slower_than_the_deadline(ask_streamed, loopback_server):
    """
    A stream that drips beyond the deadline is interrupted, and what arrived is kept.
    """
    loopback_server.play(stream(), loopback_server.drip(beginning("a")))

    error = failure(ask_streamed, StreamInterruptedError, timeout=0.3, client_options={"clock": SystemClock()})

    assert set(error.response.text) == {"a"}
    assert "timeout" in error.hint


def test_a_server_silent_in_mid_stream(ask_streamed, loopback_server):
    """
    A stream that stops to speak is interrupted after `idle_timeout`.
    """
    loopback_server.play(stream(beginning("a")), LEAVE)

    error = failure(ask_streamed, StreamInterruptedError, idle_timeout=0.1, client_options={"clock": SystemClock()})

    assert error.response.text == "a"
    assert "idle_timeout" in error.hint


def test_a_pause_longer_than_the_cap_is_the_callers(ask, loopback_server, clock):
    """
    A server that asks for ten minutes is not waited for: the error says how long it wants.
    """
    loopback_server.play(reply(429, {"error": {"message": "Slow down"}}, retry_after="600"))

    error = failure(ask, RateLimitError)

    assert error.retry_after == 600.0
    assert clock.slept == []


CONTROLS = "\x1b[31mred\x07\x00\x9b2J\u202egnirts\u2028"


def test_control_characters_of_an_error_are_not_shown(ask, loopback_server):
    """
    What a vendor says in an error cannot steer the terminal that shows it.
    """
    loopback_server.play(reply(400, {"error": {"message": CONTROLS, "code": "x"}}))

    with pytest.raises(BudwoodError) as caught:
        ask()

    assert "red" in str(caught.value)
    assert str(caught.value).isprintable()


def test_control_characters_of_a_title_are_not_shown(ask, loopback_server):
    """
    The same holds for what is quoted of a page.
    """
    loopback_server.play(reply(200, f"<title>{CONTROLS}</title>"))

    assert failure(ask, BadResponseError)


def test_control_characters_of_a_model_are_kept(ask, loopback_server):
    """
    What a model writes is handed over as it is: it is the caller's data.
    """
    loopback_server.play(reply(200, chat_reply(CONTROLS)))

    assert ask().text == CONTROLS


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5000, "1" + "0" * 400, "NaN", "-7", "0.5", "true"])
def test_numbers_beyond_reason(ask, loopback_server, number):
    """
    Impossible counts of tokens are unknown, or what was said; a number that Python cannot read is broken JSON.
    """
    body = json.dumps(chat_reply("good")).replace('"prompt_tokens": 5', f'"prompt_tokens": {number}')
    loopback_server.play(reply(200, body), times=3)

    if len(number) > 4300:
        failure(ask, BadResponseError)
        return
    response = ask()
    assert response.text == "good"
    assert response.usage.input_tokens in (None, 10**400)


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices": [{"message": {"content": "\\ud800"}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": "\\udfff\\ud800"}, "finish_reason": "stop"}]}',
        b'{"a":' * 100_000,
        b"[" * 1_000_000,
        b'{"choices": ' + b"9" * 100_000 + b"}",
    ],
)
def test_hostile_json(ask, loopback_server, body):
    """
    Half characters, nesting without end and numbers without end are broken JSON, and no crash.
    """
    loopback_server.play(reply(200, body), times=3)

    error = failure(ask, BadResponseError)

    assert "JSON" in error.message


def test_hostile_events_of_a_stream(ask_streamed, loopback_server):
    """
    An event that is no JSON, after text, interrupts the stream with what arrived.
    """
    broken = b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}\n\n'
    loopback_server.play(stream(beginning("Hello"), broken))

    error = failure(ask_streamed, StreamInterruptedError)

    assert error.response.text == "Hello"


@pytest.mark.parametrize(
    "delta",
    [
        {"refusal": 7},
        {"content": "x", "tool_calls": [{"id": 7, "function": {"name": 7}}]},
        {"content": "x", "tool_calls": 7},
        {"content": 7},
        {"content": {"text": "x"}},
    ],
)
def test_deltas_in_no_form_that_is_promised(ask_streamed, loopback_server, delta):
    """
    A delta of the wrong types is an error of ours, when it comes or when the response is made of it.
    """
    events = sse({"choices": [{"delta": delta}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]})
    loopback_server.play(stream(*events), times=3)

    with pytest.raises((BadResponseError, StreamInterruptedError)) as caught:
        ask_streamed()

    assert caught.value.hint


def test_a_reply_has_the_same_text_in_all_ways(ask, loopback_server):
    """
    The faults above are told from a good reply: it passes, whole or streamed.
    """
    loopback_server.play(GOOD)

    assert ask().text == "good"


def test_text_before_a_break_was_shown(loopback_server):
    """
    The caller of a stream reads what arrives before the break, and then gets the error.
    """
    from budwood import Client

    loopback_server.play(head(**CHUNKED, **EVENT_STREAM), chunk(beginning("Hello, ", "wor")))
    seen = []

    with (
        Client("openai/gpt-4o", api_key="k", base_url=loopback_server.url) as client,
        client.stream("hi") as events,
        pytest.raises(StreamInterruptedError),
    ):
        seen.extend(events.text_deltas())

    assert seen == ["Hello, ", "wor"]
