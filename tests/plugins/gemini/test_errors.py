from __future__ import annotations

import json

import pytest

from budwood.errors import (
    AuthenticationError,
    CapacityError,
    ContextLengthError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    ServerError,
    UnsupportedParameterError,
)
from budwood.types import HTTPReply, ReplyHead

RPC = "type.googleapis.com/google.rpc."


def detail(kind, **fields):
    """
    Create a detail of an error.
    """
    return {"@type": RPC + kind, **fields}


@pytest.fixture
def classify_error(gemini):
    """
    Classify a reply.
    """

    def classify(status, word="INVALID_ARGUMENT", message="It is so.", *details, headers=None, wrapped=False):
        reply = {"error": {"code": status, "message": message, "status": word, "details": list(details)}}
        body = json.dumps([reply] if wrapped else reply).encode()
        return gemini().error(HTTPReply(ReplyHead(status, headers or {}), body))

    return classify


@pytest.mark.parametrize(
    ("status", "word", "kind", "retryable"),
    [
        (400, "INVALID_ARGUMENT", InvalidRequestError, False),
        (400, "FAILED_PRECONDITION", PermissionDeniedError, False),
        (401, "UNAUTHENTICATED", AuthenticationError, False),
        (403, "PERMISSION_DENIED", PermissionDeniedError, False),
        (404, "NOT_FOUND", NotFoundError, False),
        (429, "RESOURCE_EXHAUSTED", RateLimitError, True),
        (500, "INTERNAL", ServerError, True),
        (503, "UNAVAILABLE", CapacityError, True),
        (504, "DEADLINE_EXCEEDED", ServerError, True),
    ],
)
def test_each_status_has_its_class(classify_error, status, word, kind, retryable):
    """
    HTTP status and Google's status determine the class, also if the error is in a list of one.
    """
    for wrapped in (False, True):
        error = classify_error(status, word, wrapped=wrapped)
        assert type(error) is kind
        assert (error.status, error.code, error.retryable) == (status, word, retryable)
        assert "It is so." in str(error)


def test_a_wrong_key_has_status_400(classify_error):
    """
    The reason in the details identifies it.
    """
    error = classify_error(400, "INVALID_ARGUMENT", "API key not valid.", detail("ErrorInfo", reason="API_KEY_INVALID"))

    assert type(error) is AuthenticationError
    assert error.code == "API_KEY_INVALID"
    assert error.hint == "Check the API key."


@pytest.mark.parametrize(("delay", "seconds"), [("34s", 34.0), ("34.074824224s", 34.074824224), ("soon", None)])
def test_the_delay_is_in_the_body(classify_error, delay, seconds):
    """
    It is in the details of the error, not in a header.
    """
    error = classify_error(429, "RESOURCE_EXHAUSTED", "Slow down.", detail("RetryInfo", retryDelay=delay))
    assert error.retry_after == seconds


def test_retry_after_takes_precedence(classify_error):
    """
    A proxy's header overrides the delay in the body.
    """
    info = detail("RetryInfo", retryDelay="34s")
    assert classify_error(429, "RESOURCE_EXHAUSTED", "Slow.", info, headers={"retry-after": "2"}).retry_after == 2.0


def test_a_daily_quota_is_not_retried(classify_error):
    """
    Its delay is ignored; a quota per minute is retried.
    """

    def classify_quota(quota):
        violations = [{"quotaId": quota, "quotaValue": "50"}]
        details = detail("QuotaFailure", violations=violations), detail("RetryInfo", retryDelay="34s")
        return classify_error(429, "RESOURCE_EXHAUSTED", "Quota.", *details)

    daily = classify_quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")
    assert type(daily) is QuotaExhaustedError
    assert not daily.retryable
    assert type(classify_quota("GenerateRequestsPerMinutePerProjectPerModel")) is RateLimitError


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("The input token count (1000001) exceeds the maximum number of tokens allowed (1000000).", ContextLengthError),
        ("The input token count exceeds the maximum number of tokens allowed 1000.", ContextLengthError),
        ("Invalid JSON payload received. Unknown name \"top_k\" at 'generation_config'.", UnsupportedParameterError),
        ("Penalty is not enabled for models/gemini-2.5-pro", UnsupportedParameterError),
        ("Thinking level is not supported for this model.", UnsupportedParameterError),
        ("The thinking budget (52428) is invalid.", UnsupportedParameterError),
        ("Unable to submit request because Thinking can't be disabled for this model.", UnsupportedParameterError),
        (
            "Unable to submit request because The model does not support setting thinking_budget to 0",
            UnsupportedParameterError,
        ),
        ("Thinking is not enabled for this model.", UnsupportedParameterError),
        ("Function calling with a response mime type: 'application/json' is unsupported", UnsupportedParameterError),
        ("Budget 0 is invalid. This model only works in thinking mode.", UnsupportedParameterError),
        ("Please use another prompt than: The input token count exceeds the maximum.", InvalidRequestError),
    ],
)
def test_the_start_of_a_message_identifies_the_error(classify_error, message, kind):
    """
    Quoted words do not.
    """
    assert type(classify_error(400, "INVALID_ARGUMENT", message)) is kind


@pytest.mark.parametrize(
    ("field", "param"),
    [
        ("generation_config.max_output_tokens", "max_tokens"),
        ("generation_config.temperature", "temperature"),
        ("generationConfig.topP", "top_p"),
        ("generation_config.thinking_config.thinking_level", "reasoning_effort"),
        ("generation_config.thinking_config.thinking_budget", "reasoning_budget"),
        ("contents[0].parts[1].inline_data", "messages"),
        ("tools[0].function_declarations[0].parameters", "tools"),
        ("something_new", None),
    ],
)
def test_our_name_of_the_parameter(classify_error, field, param):
    """
    Google's field is converted to the field of our request.
    """
    violation = detail("BadRequest", fieldViolations=[{"field": field, "description": "Wrong."}])
    assert classify_error(400, "INVALID_ARGUMENT", "Wrong.", violation).param == param


@pytest.mark.parametrize("body", [b"", b"<html><title>Bad Gateway</title>", b"[]", b"null", b'{"error":{}}', b'"no"'])
def test_a_body_without_an_error(gemini, body):
    """
    The status determines the class.
    """
    error = gemini().error(HTTPReply(ReplyHead(502, {}), body))
    assert type(error) is ServerError
    assert (error.status, error.code) == (502, None)


def test_unknown_details_are_ignored(classify_error):
    """
    No value in the details raises an exception.
    """
    invalid_details = ["text", None, {"@type": 5}, detail("QuotaFailure", violations=["x"]), detail("ErrorInfo")]
    assert type(classify_error(429, "RESOURCE_EXHAUSTED", "Slow.", *invalid_details)) is RateLimitError
