"""Broken connections and truncated replies are retried, or raise an error."""

from __future__ import annotations

import json

from budwood.errors import (
    ConnectionFailedError,
    StreamInterruptedError,
)
from budwood_testing import chat_chunks, chat_reply, sse
from tests.faults.replies import GOOD, catch_error, create_stream, create_stream_start
from tests.servers import CHUNKED, EVENT_STREAM, chunk, head


def test_closed_connection_is_retried(ask, loopback_server, clock):
    """
    A connection that closes before the reply is retried, and `attempts` has both attempts.
    """
    loopback_server.play(b"").play(GOOD)

    response = ask()

    assert response.text == "good"
    assert [attempt.error for attempt in response.attempts] == ["ConnectionFailedError", None]
    assert len(clock.slept) == 1


def test_connection_that_always_closes(ask, loopback_server):
    """
    After all retries the last error is raised, with all attempts.
    """
    loopback_server.play(b"", times=3)

    error = catch_error(ask, ConnectionFailedError)

    assert len(error.attempts) == len(loopback_server.requests) == 3


def test_stream_that_breaks_after_text(ask_streamed, loopback_server):
    """
    A stream that breaks after text is not retried; the error has the partial text.
    """
    loopback_server.play(head(**CHUNKED, **EVENT_STREAM), chunk(create_stream_start("Hello, ", "wor")))

    error = catch_error(ask_streamed, StreamInterruptedError)

    assert error.response.text == "Hello, wor"
    assert not error.retryable
    assert len(loopback_server.requests) == 1


def test_stream_without_a_finish_reason(ask_streamed, loopback_server):
    """
    A stream that ends without finish reason and `[DONE]` is interrupted.
    """
    loopback_server.play(create_stream(create_stream_start("Hello")))

    error = catch_error(ask_streamed, StreamInterruptedError)

    assert error.response.text == "Hello"
    assert error.response.finish_reason == "other"


def test_stream_that_breaks_before_text_is_retried(ask_streamed, loopback_server):
    """
    A stream that breaks before text is retried.
    """
    loopback_server.play(create_stream(b": ping\n\n")).play(create_stream(*sse(*chat_chunks(["good"]))))

    response = ask_streamed()

    assert response.text == "good"
    assert [attempt.error for attempt in response.attempts] == ["StreamInterruptedError", None]


def test_stream_that_is_always_empty(ask_streamed, loopback_server):
    """
    If nothing arrived, the error has no response.
    """
    loopback_server.play(create_stream(), times=3)

    error = catch_error(ask_streamed, StreamInterruptedError)

    assert error.response is None
    assert len(loopback_server.requests) == 3


def test_truncated_body_is_retried(ask_plain, loopback_server):
    """
    A body that is shorter than its length is retried.
    """
    truncated = head(length=1000) + json.dumps(chat_reply("half")).encode()
    loopback_server.play(truncated).play(GOOD)

    assert ask_plain().text == "good"


def test_body_that_is_always_truncated(ask_plain, loopback_server):
    """
    A body that is always truncated is an error, even if its bytes are valid JSON.
    """
    loopback_server.play(head(length=1000) + json.dumps(chat_reply("half")).encode(), times=3)

    assert len(catch_error(ask_plain, ConnectionFailedError).attempts) == 3
