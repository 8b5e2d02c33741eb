"""Replies in no form that the server promised: every one is a clear error with a cure, alike in all ways of asking."""

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
from tests.faults.replies import HTML, beginning, failure, stream
from tests.servers import reply

WITH_HTML = {"content_type": "text/html"}


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
