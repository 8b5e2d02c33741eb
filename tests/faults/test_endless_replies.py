"""Replies that are too large, too slow or endless are aborted with an error."""

from __future__ import annotations

import itertools
import tracemalloc

from budwood.clock import SystemClock
from budwood.engine.pipeline.sending import MAX_ERROR_BYTES
from budwood.errors import (
    AuthenticationError,
    CapacityError,
    RateLimitError,
    RequestTimeoutError,
    ResponseTooLargeError,
    StreamInterruptedError,
)
from budwood.types import MAX_REPLY_BYTES
from budwood.wire import MAX_LINE_BYTES
from tests.faults.replies import HTML, catch_error, create_stream, create_stream_start
from tests.servers import CHUNKED, WAIT_FOR_CLOSE, chunk, head, reply


def test_reply_of_two_gigabytes(ask_plain, loopback_server):
    """
    A body with a length above the limit is rejected before it is read, and not retried.
    """
    loopback_server.play(head(length=2 * 1024**3), WAIT_FOR_CLOSE)

    error = catch_error(ask_plain, ResponseTooLargeError)

    assert f"{MAX_REPLY_BYTES:,} bytes" in error.message
    assert len(loopback_server.requests) == 1
    assert loopback_server.closed_by_client.wait(60)


def test_endless_reply(ask_plain, loopback_server):
    """
    An endless body is read up to the limit; the connection is closed and memory is limited.
    """
    loopback_server.play(head(**CHUNKED), itertools.repeat(chunk(b"x" * 1024 * 1024), 256))

    tracemalloc.start()
    catch_error(ask_plain, ResponseTooLargeError)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert loopback_server.closed_by_client.wait(60)
    assert loopback_server.sent < 2 * MAX_REPLY_BYTES
    assert peak < 2 * MAX_REPLY_BYTES


def test_endless_line_in_a_stream(ask_streamed, loopback_server):
    """
    An endless line in a stream is rejected at the limit for lines.
    """
    loopback_server.play(create_stream(b"data: "), itertools.repeat(b"x" * 1024 * 1024, 256))

    error = catch_error(ask_streamed, ResponseTooLargeError)

    assert f"{MAX_LINE_BYTES:,} bytes" in error.message
    assert loopback_server.closed_by_client.wait(60)
    assert loopback_server.sent < 2 * MAX_LINE_BYTES


def test_endless_stream_of_comments(ask_streamed, loopback_server):
    """
    A stream with only keep-alive comments is rejected at the limit for replies.
    """
    comments = (b": " + b"p" * 65_536 + b"\n\n") * 16
    loopback_server.play(create_stream(), itertools.repeat(comments, 256))

    catch_error(ask_streamed, ResponseTooLargeError)

    assert loopback_server.closed_by_client.wait(60)


def test_endless_page_instead_of_a_stream(ask_streamed, loopback_server):
    """
    Endless HTML is rejected at the limit for replies.
    """
    loopback_server.play(create_stream(b"<html>"), itertools.repeat(b"x" * 1024 * 1024, 256))

    catch_error(ask_streamed, ResponseTooLargeError)

    assert loopback_server.closed_by_client.wait(60)


def test_error_with_a_large_page(ask, loopback_server):
    """
    Only the start of an error body is read; the status determines the error.
    """
    page = HTML.encode() + b" " * MAX_ERROR_BYTES
    loopback_server.play(reply(503, page), times=3)

    error = catch_error(ask, CapacityError)

    assert error.status == 503
    assert "502 Bad Gateway" in error.message


def test_error_with_an_endless_page(ask, loopback_server):
    """
    After the start of an error body, the connection is closed.
    """
    endless = 32 * MAX_ERROR_BYTES
    loopback_server.play(head(401, length=endless), itertools.repeat(b" " * 65536, endless // 65536))

    catch_error(ask, AuthenticationError)

    assert loopback_server.closed_by_client.wait(60)
    assert loopback_server.sent < endless / 2


def test_truncated_error(ask, loopback_server):
    """
    A 401 reply with a truncated body is an authentication error, which is not retried.
    """
    loopback_server.play(head(401, length=1000) + b'{"error": {"mess')

    error = catch_error(ask, AuthenticationError)

    assert error.status == 401
    assert len(loopback_server.requests) == 1


def test_server_slower_than_the_deadline(ask, loopback_server):
    """
    A server that does not reply before the deadline raises an error that is not retried.
    """
    loopback_server.play(WAIT_FOR_CLOSE)

    error = catch_error(ask, RequestTimeoutError, timeout=2, client_options={"clock": SystemClock()})

    assert error.phase == "deadline"
    assert "timeout" in error.hint
    assert len(error.attempts) == 1
    assert loopback_server.closed_by_client.wait(60)


def test_stream_slower_than_the_deadline(ask_streamed, loopback_server):
    """
    A slow stream is interrupted at the deadline, with the partial text.
    """
    loopback_server.play(create_stream(), loopback_server.drip(create_stream_start("a")))

    error = catch_error(ask_streamed, StreamInterruptedError, timeout=2, client_options={"clock": SystemClock()})

    assert set(error.response.text) == {"a"}
    assert "timeout" in error.hint


def test_stream_that_stops(ask_streamed, loopback_server):
    """
    A stream that stops is interrupted after `idle_timeout`.
    """
    loopback_server.play(create_stream(create_stream_start("a")), WAIT_FOR_CLOSE)

    error = catch_error(ask_streamed, StreamInterruptedError, idle_timeout=2, client_options={"clock": SystemClock()})

    assert error.response.text == "a"
    assert "idle_timeout" in error.hint


def test_retry_after_above_the_limit(ask, loopback_server, clock):
    """
    A Retry-After of ten minutes is not waited for; the error has the value.
    """
    loopback_server.play(reply(429, {"error": {"message": "Slow down"}}, retry_after="600"))

    error = catch_error(ask, RateLimitError)

    assert error.retry_after == 600.0
    assert clock.slept == []
