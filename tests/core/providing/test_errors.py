"""Errors are classified by status and structured code first, by anchored text last."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    CapacityError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    QuotaExhaustedError,
    RateLimitError,
    ServerError,
    UnsupportedParameterError,
)
from budwood.providing import ErrorCodes, VendorError, classify_error, clip, describe_body, parse_body
from budwood.types import HTTPReply, ReplyHead

CODES = ErrorCodes(
    quota=frozenset({"insufficient_quota", "billing_hard_limit_reached"}),
    capacity=frozenset({"engine_overloaded", "overloaded_error"}),
    context=frozenset({"context_length_exceeded", "exceed_context_size_error"}),
    content_filter=frozenset({"content_filter", "policy_violation"}),
    unsupported=frozenset({"unsupported_parameter", "unsupported_value"}),
    model_missing=frozenset({"model_not_found"}),
    credential=frozenset({"invalid_api_key"}),
    context_message="Too long for us",
    refusals=(r"There is no such parameter: (\w+)",),
)
"""The codes of an invented vendor."""


def classify(status: int, headers: dict[str, str] | None = None, **fields: object) -> ProviderError:
    """
    Classify an error reply.
    """
    vendor_error = VendorError(**({"message": "it failed"} | fields))
    return classify_error(HTTPReply(ReplyHead(status, headers or {}), b""), vendor_error, CODES)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (301, BadResponseError, False),
        (400, InvalidRequestError, False),
        (401, AuthenticationError, False),
        (402, QuotaExhaustedError, False),
        (403, PermissionDeniedError, False),
        (404, NotFoundError, False),
        (408, InvalidRequestError, True),
        (409, InvalidRequestError, True),
        (413, InvalidRequestError, False),
        (422, InvalidRequestError, False),
        (425, InvalidRequestError, True),
        (429, RateLimitError, True),
        (498, CapacityError, True),
        (500, ServerError, True),
        (502, ServerError, True),
        (503, CapacityError, True),
        (504, ServerError, True),
        (529, CapacityError, True),
        (599, ServerError, True),
    ],
)
def test_each_status_has_its_class(status, kind, retryable):
    """
    Without a code the status determines the class, and whether the error is retryable.
    """
    error = classify(status)

    assert type(error) is kind
    assert error.retryable is retryable
    assert error.status == status
    assert error.hint


@pytest.mark.parametrize(("status", "advice"), [(408, "Retry"), (409, "Retry"), (425, "Retry"), (400, "Correct")])
def test_hint_does_not_contradict_retries(status, advice):
    """
    The hint of an error that is retried does not say that the request fails again.
    """
    assert classify(status).hint.startswith(advice)


@pytest.mark.parametrize(
    ("status", "word", "kind", "retryable"),
    [
        (429, "insufficient_quota", QuotaExhaustedError, False),
        (429, "rate_limit_exceeded", RateLimitError, True),
        (403, "billing_hard_limit_reached", QuotaExhaustedError, False),
        (429, "engine_overloaded", CapacityError, True),
        (200, "overloaded_error", CapacityError, True),
        (400, "context_length_exceeded", ContextLengthError, False),
        (500, "exceed_context_size_error", ContextLengthError, False),
        (400, "content_filter", ContentFilterError, False),
        (400, "policy_violation", ContentFilterError, False),
        (400, "unsupported_parameter", UnsupportedParameterError, False),
        (422, "unsupported_value", UnsupportedParameterError, False),
        (400, "model_not_found", NotFoundError, False),
        (400, "invalid_api_key", AuthenticationError, False),
        (500, "invalid_api_key", AuthenticationError, False),
        (400, "something_new", InvalidRequestError, False),
    ],
)
@pytest.mark.parametrize("place", ["code", "type"])
def test_a_structured_code_comes_before_the_status(status, word, kind, retryable, place):
    """
    The vendor's code determines the class, also if it is in the type.
    """
    error = classify(status, **{place: word})

    assert type(error) is kind
    assert error.retryable is retryable
    assert error.code == word


def test_words_within_a_message_do_not_decide():
    """
    Messages may quote the prompt, so words within them do not affect the class.
    """
    message = "invalid: you wrote 'insufficient_quota content_filter context_length_exceeded Unsupported parameter'"

    assert type(classify(400, message=message)) is InvalidRequestError


@pytest.mark.parametrize("message", ["Unsupported parameter: 'top_k'", "There is no such parameter: top_k"])
def test_an_anchored_message_is_the_last_resort(message):
    """
    Without a code, the start of the message decides, only for status 400 and 422.
    """
    assert type(classify(400, message=message, param="top_k")) is UnsupportedParameterError
    assert classify(400, message=message, param="top_k").param == "top_k"
    assert type(classify(500, message=message)) is ServerError


def test_the_start_of_a_message_identifies_a_long_input():
    """
    Only the vendor's patterns count, only with the status of an invalid request.
    """
    message = "Too long for us."

    assert type(classify(400, message=message)) is ContextLengthError
    assert type(classify(400, message=f"You wrote: {message}")) is InvalidRequestError
    assert type(classify(500, message=message)) is ServerError


def test_an_error_has_the_fields_of_the_reply():
    """
    Status, code, parameter, request id and the requested delay are attributes.
    """
    headers = {"x-request-id": "req-1", "retry-after": "7"}

    error = classify(429, headers, code="rate_limit_exceeded", type="requests", param="messages")

    assert (error.status, error.code, error.param) == (429, "rate_limit_exceeded", "messages")
    assert (error.request_id, error.retry_after) == ("req-1", 7.0)


def test_the_type_replaces_a_missing_code():
    """
    Without a code, the error's code is the type.
    """
    assert classify(400, type="invalid_request_error").code == "invalid_request_error"


@pytest.mark.parametrize(
    ("header", "status", "retryable"), [("true", 400, True), ("false", 503, False), ("x", 503, True)]
)
def test_the_server_controls_retries(header, status, retryable):
    """
    `x-should-retry` overrides the status.
    """
    assert classify(status, {"x-should-retry": header}).retryable is retryable


@pytest.mark.parametrize("word", ["insufficient_quota", "content_filter", "invalid_api_key"])
def test_fatal_errors_are_not_retried(word):
    """
    Quota, content filter and credential errors are not retryable, whatever `x-should-retry` is.
    """
    assert not classify(429, {"x-should-retry": "true"}, code=word).retryable


def test_a_content_filter_error_has_details():
    """
    Stage and categories are those of the plugin.
    """
    found = {"violence": {"filtered": True, "severity": "high"}}

    error = classify(400, code="content_filter", stage="output", categories=found)

    assert (error.stage, error.categories) == ("output", found)


def test_a_vendor_can_have_its_own_codes():
    """
    Other error codes map to the same classes, and ours then have no meaning.
    """
    words = ErrorCodes(quota=frozenset({"no_money"}))
    reply = HTTPReply(ReplyHead(429, {}), b"")

    assert type(classify_error(reply, VendorError(message="x", code="no_money"), words)) is QuotaExhaustedError
    assert type(classify_error(reply, VendorError(message="x", code="insufficient_quota"), words)) is RateLimitError


def test_json_is_parsed():
    """
    A body that is JSON returns its value.
    """
    assert parse_body(HTTPReply(ReplyHead(200, {}), b'{"a": [1]}')) == {"a": [1]}


@pytest.mark.parametrize(
    ("body", "description"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<html><title> Sign\n in </title>", "HTML ('Sign in')"),
        (b"\n<!doctype html>", "HTML"),
        (b'{"a":', "text that starts with '{\"a\":'"),
        (b"\xff\xfe", "text that starts with"),
    ],
)
def test_a_body_that_is_not_json_is_described(body, description):
    """
    The error describes the body, has status and request id, and suggests the likely cause.
    """
    with pytest.raises(BadResponseError) as caught:
        parse_body(HTTPReply(ReplyHead(200, {"x-request-id": "r"}), body))

    assert description in caught.value.message
    assert (caught.value.status, caught.value.request_id) == (200, "r")
    assert "base_url" in caught.value.hint


@given(st.binary())
def test_any_body_is_described_on_one_printable_line(body):
    """
    A description is short and cannot control a terminal.
    """
    description = describe_body(body)

    assert description.isprintable()
    assert len(description) < 500


@given(st.text(), st.integers(1, 20))
def test_clipping_keeps_the_length(text, length):
    """
    Clipped text is one printable line of at most this length; a text that fits is complete.
    """
    clipped = clip(text, length)

    assert len(clipped) <= length
    assert clipped.isprintable()
    if text.isprintable() and len(text) <= length:
        assert clipped == " ".join(text.split())


def test_clipped_text_ends_with_an_ellipsis():
    """
    A complete text has none.
    """
    assert clip("one two three", 8) == "one two…"


@given(st.integers(100, 999), st.text(), st.text() | st.none(), st.binary())
def test_any_vendor_error_is_an_error_of_ours(status, message, code, body):
    """
    Any message becomes an error whose text is one line.
    """
    reply = HTTPReply(ReplyHead(status, {}), body)

    error = classify_error(reply, VendorError(message=message, code=code))

    assert isinstance(error, ProviderError)
    assert "\n" not in str(error)
    assert json.dumps(str(error))
