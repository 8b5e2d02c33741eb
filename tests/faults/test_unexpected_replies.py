"""Replies with unexpected formats raise an error with a hint."""

from __future__ import annotations

import traceback

import pytest

from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    BudwoodError,
    CapacityError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from budwood_testing import sse
from tests.faults.replies import HTML, catch_error, create_stream, create_stream_start
from tests.servers import reply

WITH_HTML = {"content_type": "text/html"}


def test_html_instead_of_json(ask, loopback_server):
    """
    A login page with status 200 is an error with its title and a hint at base_url, and is not retried.
    """
    loopback_server.play(reply(200, "<!DOCTYPE html><title>Sign in</title>", **WITH_HTML))

    error = catch_error(ask, BadResponseError)

    assert "HTML ('Sign in')" in error.message
    assert "base_url" in error.hint
    assert len(loopback_server.requests) == 1


def test_html_of_a_gateway(ask, loopback_server):
    """
    A 502 page of a gateway is a server error with its title, and is retried.
    """
    loopback_server.play(reply(502, HTML, **WITH_HTML), times=3)

    error = catch_error(ask, ServerError)

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
        b"\xff\xfe\x00",
        b"\x1f\x8b not gzip",
    ],
)
def test_unexpected_body(ask, loopback_server, body):
    """
    Invalid JSON and unexpected JSON are errors, not empty replies.
    """
    loopback_server.play(reply(200, body), times=3)

    with pytest.raises((BadResponseError, StreamInterruptedError)) as caught:
        ask()

    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_error_in_a_stream_before_text(ask_streamed, loopback_server):
    """
    An error event before text is raised as its error class, and retried if it is retryable.
    """
    overloaded = {"error": {"message": "Overloaded", "type": "overloaded_error"}}
    loopback_server.play(create_stream(*sse(overloaded)), times=3)

    error = catch_error(ask_streamed, CapacityError)

    assert error.code == "overloaded_error"
    assert len(error.attempts) == 3


def test_error_in_a_stream_after_text(ask_streamed, loopback_server):
    """
    An error event after text interrupts the stream; the error has the vendor's message, code and the partial text.
    """
    failed = {"error": {"message": "The server had an error", "code": "server_error"}}
    loopback_server.play(create_stream(create_stream_start("Hel"), *sse(failed)))

    error = catch_error(ask_streamed, StreamInterruptedError)

    assert error.response.text == "Hel"
    assert error.code == "server_error"
    assert "The server had an error" in error.message


def test_error_with_status_200(ask_plain, loopback_server):
    """
    An error object with status 200 is raised as the error of its code.
    """
    loopback_server.play(reply(200, {"error": {"message": "Slow down", "code": 429}}), times=3)

    error = catch_error(ask_plain, RateLimitError)

    assert error.status == 429
    assert "Slow down" in error.message


def test_wrong_credentials(ask, loopback_server, key):
    """
    An authentication error is not retried, and the key is removed from its message.
    """
    error_body = {"error": {"message": f"Incorrect API key provided: {key}.", "code": "invalid_api_key"}}
    loopback_server.play(reply(401, error_body))

    error = catch_error(ask, AuthenticationError)

    assert error.status == 401
    assert "API key" in error.hint
    assert len(error.attempts) == len(loopback_server.requests) == 1
    assert loopback_server.requests[0].headers["authorization"] == f"Bearer {key}"


def test_wrong_credentials_with_status_200(ask, loopback_server, key):
    """
    The key is also removed from errors with status 200.
    """
    error_body = {"error": {"message": f"Incorrect API key provided: {key}.", "code": "invalid_api_key"}}
    loopback_server.play(reply(200, error_body))

    assert "[redacted]" in catch_error(ask, AuthenticationError).message


def test_key_in_an_unexpected_body(ask, loopback_server, key):
    """
    The key is removed from the quotation of an invalid body.
    """
    loopback_server.play(reply(200, f"key {key} is wrong"), times=3)

    with pytest.raises(BudwoodError) as caught:
        ask()

    assert key not in "".join(traceback.format_exception(caught.value))
