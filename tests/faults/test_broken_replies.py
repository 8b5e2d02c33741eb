"""Connections that break, and replies cut short: they are asked for again, or a clear error."""

from __future__ import annotations

import json

from budwood.errors import (
    ConnectionFailedError,
    StreamInterruptedError,
)
from budwood_testing import chat_chunks, chat_reply, sse
from tests.faults.replies import GOOD, beginning, failure, stream
from tests.servers import CHUNKED, EVENT_STREAM, chunk, head


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
