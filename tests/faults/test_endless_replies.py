"""Replies too large, too slow or without an end are left, and are clear errors."""

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
from tests.faults.replies import HTML, beginning, failure, stream
from tests.servers import CHUNKED, WAIT_FOR_CLOSE, chunk, head, reply


def test_a_reply_of_two_gigabytes(ask_plain, loopback_server):
    """
    A body announced larger than the limit is refused before it is read, once.
    """
    loopback_server.play(head(length=2 * 1024**3), WAIT_FOR_CLOSE)

    error = failure(ask_plain, ResponseTooLargeError)

    assert f"{MAX_REPLY_BYTES:,} bytes" in error.message
    assert len(loopback_server.requests) == 1
    assert loopback_server.closed_by_client.wait(60)


def test_an_endless_reply(ask_plain, loopback_server):
    """
    A body without end is read to the limit and no further; the connection is closed and the memory bounded.
    """
    loopback_server.play(head(**CHUNKED), itertools.repeat(chunk(b"x" * 1024 * 1024), 256))

    tracemalloc.start()
    failure(ask_plain, ResponseTooLargeError)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert loopback_server.closed_by_client.wait(60)
    assert loopback_server.sent < 2 * MAX_REPLY_BYTES
    assert peak < 2 * MAX_REPLY_BYTES


def test_an_endless_line_in_a_stream(ask_streamed, loopback_server):
    """
    An event whose line never ends is refused at the limit of a line.
    """
    loopback_server.play(stream(b"data: "), itertools.repeat(b"x" * 1024 * 1024, 256))

    error = failure(ask_streamed, ResponseTooLargeError)

    assert f"{MAX_LINE_BYTES:,} bytes" in error.message
    assert loopback_server.closed_by_client.wait(60)
    assert loopback_server.sent < 2 * MAX_LINE_BYTES


def test_an_endless_stream_of_comments(ask_streamed, loopback_server):
    """
    A stream of keep-alives alone ends at the limit of a reply, since its bytes count although they say nothing.
    """
    comments = (b": " + b"p" * 65_536 + b"\n\n") * 16
    loopback_server.play(stream(), itertools.repeat(comments, 256))

    failure(ask_streamed, ResponseTooLargeError)

    assert loopback_server.closed_by_client.wait(60)


def test_an_endless_page_in_place_of_a_stream(ask_streamed, loopback_server):
    """
    HTML without end is refused at the limit of a reply.
    """
    loopback_server.play(stream(b"<html>"), itertools.repeat(b"x" * 1024 * 1024, 256))

    failure(ask_streamed, ResponseTooLargeError)

    assert loopback_server.closed_by_client.wait(60)


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

    assert loopback_server.closed_by_client.wait(60)
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
    loopback_server.play(WAIT_FOR_CLOSE)

    error = failure(ask, RequestTimeoutError, timeout=0.2, client_options={"clock": SystemClock()})

    assert error.phase == "deadline"
    assert "timeout" in error.hint
    assert len(error.attempts) == 1
    assert loopback_server.closed_by_client.wait(60)


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
    loopback_server.play(stream(beginning("a")), WAIT_FOR_CLOSE)

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
