from __future__ import annotations

import json

import pytest

from budwood.errors import (
    AuthenticationError,
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
from budwood.types import HTTPReply, ReplyHead


def failed(provider, status, body, headers=None):
    """
    Read a reply that is not 2xx.
    """
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    return provider.error(HTTPReply(ReplyHead(status, headers or {}), written))


@pytest.mark.parametrize(
    ("status", "expected", "retryable"),
    [
        (400, InvalidRequestError, False),
        (401, AuthenticationError, False),
        (403, PermissionDeniedError, False),
        (404, NotFoundError, False),
        (408, InvalidRequestError, True),
        (413, InvalidRequestError, False),
        (422, InvalidRequestError, False),
        (429, RateLimitError, True),
        (500, ServerError, True),
        (502, ServerError, True),
        (503, CapacityError, True),
        (529, CapacityError, True),
    ],
)
def test_the_status_decides(speaker, status, expected, retryable):
    """
    Without a telling code the status alone gives the class and says whether to try again.
    """
    error = failed(speaker(), status, {"error": {"message": "No."}})

    assert type(error) is expected
    assert (error.status, error.retryable) == (status, retryable)


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (429, {"code": "insufficient_quota"}, QuotaExhaustedError),
        (429, {"type": "insufficient_quota", "code": "credit_balance_exhausted"}, QuotaExhaustedError),
        (400, {"code": "context_length_exceeded"}, ContextLengthError),
        (400, {"code": "content_filter"}, ContentFilterError),
        (400, {"code": "unsupported_parameter", "param": "max_tokens"}, UnsupportedParameterError),
        (400, {"code": "unsupported_value", "param": "temperature"}, UnsupportedParameterError),
        (400, {"code": "model_not_found"}, NotFoundError),
        (503, {"code": "server_is_overloaded"}, CapacityError),
    ],
)
def test_a_telling_code_comes_before_the_status(speaker, status, fields, expected):
    """
    A structured code is more exact than the status.
    """
    error = failed(speaker(), status, {"error": {"message": "No.", **fields}})

    assert type(error) is expected
    assert (error.code, error.param) == (fields.get("code"), fields.get("param"))


def test_a_refused_parameter_is_known_without_a_code(speaker):
    """
    Some models name the parameter and send no code: the beginning of the message tells.
    """
    said = {"message": "Unsupported parameter: 'max_tokens' is not supported.", "param": "max_tokens", "code": None}
    error = failed(speaker(), 400, {"error": said})

    assert type(error) is UnsupportedParameterError
    assert error.param == "max_tokens"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "No such model."}},
        {"error": "No such model."},
        {"message": "No such model."},
        {"detail": "No such model."},
        {"object": "error", "message": "No such model.", "code": 404},
        {"message": {"detail": [{"msg": "No such model."}]}},
        {"detail": [{"msg": "No such model."}]},
        [{"error": {"message": "No such model.", "status": "NOT_FOUND"}}],
    ],
    ids=["OpenAI", "Ollama", "bare", "FastAPI", "vLLM", "Mistral", "FastAPI's list", "Gemini"],
)
def test_every_form_of_error_says_what_the_server_said(speaker, body):
    """
    The server's words are found, whatever envelope they are in.
    """
    error = failed(speaker(), 404, body)

    assert type(error) is NotFoundError
    assert "No such model." in error.message


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"", "empty"), (b"<html><title>502 Bad Gateway</title></html>", "502 Bad Gateway"), (b"1", "'1'")],
)
def test_a_body_that_is_no_error_is_described(speaker, body, said):
    """
    A proxy's page or nothing at all still makes an error that says what came.
    """
    error = failed(speaker(), 502, body)

    assert type(error) is ServerError
    assert said in error.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "0", "retry-after": "1"}, 1.0),
        ({"retry-after-ms": "0"}, 0.0),
        ({}, None),
    ],
)
def test_the_pause_that_the_server_asks_for(speaker, headers, seconds):
    """
    Milliseconds come before seconds, but not where they are 0 and the seconds are not, as Azure has sent them.
    """
    error = failed(speaker(), 429, {"error": {"message": "Slow down."}}, {**headers, "x-request-id": "req_1"})

    assert (error.retry_after, error.request_id) == (seconds, "req_1")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", ContentFilterError),
        ("Invalid prompt: it holds no text.", InvalidRequestError),
    ],
)
def test_a_flagged_prompt_is_the_filters_doing(speaker, message, expected):
    """
    OpenAI has one code for prompts that are wrong and for those that its filter takes offence at.
    """
    said = {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_prompt"}

    error = failed(speaker(), 400, {"error": said})

    assert type(error) is expected
    assert (error.code, error.retryable) == ("invalid_prompt", False)
