from __future__ import annotations

import json

import pytest

from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    CapacityError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    ServerError,
    UnsupportedParameterError,
)
from budwood.types import ChatRequest, HTTPReply, Message, ReplyHead

REQUEST = ChatRequest(model="claude", messages=(Message.user("Hi"),))


def classify_reply(provider, status, kind, message="x", *, headers=None, **more):
    """
    Classify a reply in the vendor's form.
    """
    body = {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_of_body"}
    return provider.error(HTTPReply(ReplyHead(status, headers or {}), json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("status", "kind", "error", "retryable"),
    [
        (400, "invalid_request_error", InvalidRequestError, False),
        (401, "authentication_error", AuthenticationError, False),
        (402, "billing_error", QuotaExhaustedError, False),
        (403, "permission_error", PermissionDeniedError, False),
        (404, "not_found_error", NotFoundError, False),
        (409, "conflict_error", InvalidRequestError, True),
        (413, "request_too_large", InvalidRequestError, False),
        (429, "rate_limit_error", RateLimitError, True),
        (500, "api_error", ServerError, True),
        (504, "timeout_error", ServerError, True),
        (529, "overloaded_error", CapacityError, True),
    ],
)
def test_every_type_of_error_has_its_class(make_provider, status, kind, error, retryable):
    """
    Status and type determine the class; code, status and request id are attributes.
    """
    result = classify_reply(make_provider(), status, kind)

    assert type(result) is error
    assert (result.status, result.code, result.request_id) == (status, kind, "req_of_body")
    assert result.retryable is retryable


@pytest.mark.parametrize(
    "code", ["enforced_spend_limit_reached", "contract_spend_limit_reached", "linked_organization_spend_limit_reached"]
)
def test_a_spend_cap_is_no_rate_limit(make_provider, code):
    """
    A 429 with details of a spend limit is never retried; one with a ramp limit is.
    """
    headers = {"x-should-retry": "true"}
    capped = classify_reply(make_provider(), 429, "rate_limit_error", headers=headers, details={"error_code": code})
    ramped = classify_reply(make_provider(), 429, "rate_limit_error", details={"error_code": "ramp_limit_exceeded"})

    assert (type(capped), capped.retryable, capped.code) == (QuotaExhaustedError, False, code)
    assert (type(ramped), ramped.retryable, ramped.code) == (RateLimitError, True, "ramp_limit_exceeded")


def test_an_organization_on_hold_is_not_permitted(make_provider):
    """
    The vendor sends 400 to a suspended organization, which is not an invalid request.
    """
    result = classify_reply(
        make_provider(), 400, "invalid_request_error", details={"error_code": "organization_on_hold"}
    )

    assert (type(result), result.status, result.retryable) == (PermissionDeniedError, 400, False)


@pytest.mark.parametrize(
    ("message", "error", "param"),
    [
        ("You have reached your specified API usage limits. You will regain access on", QuotaExhaustedError, None),
        ("You have reached your specified workspace API usage limits.", QuotaExhaustedError, None),
        ("Your credit balance is too low to access the Anthropic API.", QuotaExhaustedError, None),
        ("prompt is too long: 208310 tokens > 200000 maximum", ContextLengthError, None),
        ("input length and `max_tokens` exceed context limit: 1 + 2 > 3", ContextLengthError, None),
        ("temperature: Extra inputs are not permitted", UnsupportedParameterError, "temperature"),
        ("`temperature` is deprecated for this model.", UnsupportedParameterError, "temperature"),
        ("This model does not support effort level 'xhigh'.", UnsupportedParameterError, "reasoning_effort"),
        ("messages.0.content.1.image: too large", InvalidRequestError, "messages"),
        ("max_tokens: 64000 > 8192, which is the maximum", InvalidRequestError, "max_tokens"),
        ("stop_sequences: each must contain non-whitespace", InvalidRequestError, "stop"),
        ("He said: prompt is too long: or so", InvalidRequestError, None),
    ],
)
def test_one_type_has_several_meanings(make_provider, message, error, param):
    """
    The start of the message specifies an ``invalid_request_error``, and names the parameter.
    """
    result = classify_reply(make_provider(), 400, "invalid_request_error", message)

    assert type(result) is error
    assert (result.param, result.code, result.retryable) == (param, "invalid_request_error", False)


def test_a_blocked_reply_is_a_content_filter_error(make_provider):
    """
    Anthropic reports it as an invalid request; it names no parameter.
    """
    result = classify_reply(make_provider(), 400, "invalid_request_error", "Output blocked by content filtering policy")

    assert type(result) is ContentFilterError
    assert (result.stage, result.param, result.code, result.retryable) == (
        "output",
        None,
        "invalid_request_error",
        False,
    )


def test_the_delay_and_the_request_id(make_provider):
    """
    ``retry-after`` is in the error; the request id of the header takes precedence over the body's.
    """
    result = classify_reply(
        make_provider(), 429, "rate_limit_error", headers={"retry-after": "12", "request-id": "req_of_head"}
    )

    assert (result.retry_after, result.request_id) == (12.0, "req_of_head")


@pytest.mark.parametrize(
    ("body", "text"), [(b"<html><title>Bad gateway</title></html>", "Bad gateway"), (b"", "empty"), (b"[1]", r"\[1\]")]
)
def test_errors_of_gateways(make_provider, body, text):
    """
    A gateway's page is an error of its status, and the message describes it.
    """
    with pytest.raises(ServerError, match=text):
        raise make_provider().error(HTTPReply(ReplyHead(502, {}), body))


@pytest.mark.parametrize(
    "body", [{"error": "no"}, {"error": {"message": ["no"]}}, {"message": "no"}, {"error": {"type": 3}}, {}]
)
def test_other_forms_of_an_error_are_parsed(make_provider, body):
    """
    Whatever the form of a gateway's error, the status determines the class.
    """
    result = make_provider().error(HTTPReply(ReplyHead(500, {}), json.dumps(body).encode()))

    assert type(result) is ServerError


def test_an_error_inside_a_200_is_raised(make_provider):
    """
    A reply with status 200 may be an error, classified by its type.
    """
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_2"}

    with pytest.raises(CapacityError) as caught:
        make_provider().decode(REQUEST, HTTPReply(ReplyHead(200, {}), json.dumps(body).encode()))
    assert (caught.value.request_id, caught.value.code) == ("req_2", "overloaded_error")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"content": 5}'])
def test_an_invalid_reply_is_an_error(make_provider, body):
    """
    Messages, counts and lists in another form raise BadResponseError.
    """
    reply = HTTPReply(ReplyHead(200, {}), body)
    for read in (make_provider().decode, make_provider().decode_token_count):
        with pytest.raises(BadResponseError):
            read(REQUEST, reply)
    with pytest.raises(BadResponseError):
        make_provider().decode_models(reply)
