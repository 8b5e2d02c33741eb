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
from budwood.types import ChatResponse, HTTPReply, Message, ReplyHead


def convert(provider, status, body, headers=None):
    """
    Convert a reply whose status is not 2xx.
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
def test_status_determines_class(new_provider, status, expected, retryable):
    """
    Without a known code, the status determines the class of the error and whether it is retryable.
    """
    error = convert(new_provider(), status, {"error": {"message": "No."}})

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
def test_code_takes_precedence_over_status(new_provider, status, fields, expected):
    """
    A known code takes precedence over the status.
    """
    error = convert(new_provider(), status, {"error": {"message": "No.", **fields}})

    assert type(error) is expected
    assert (error.code, error.param) == (fields.get("code"), fields.get("param"))


def test_rejected_parameter_without_a_code(new_provider):
    """
    A rejected parameter without a code is recognized by the start of the message.
    """
    body = {"message": "Unsupported parameter: 'max_tokens' is not supported.", "param": "max_tokens", "code": None}
    error = convert(new_provider(), 400, {"error": body})

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
    ids=["OpenAI", "Ollama", "no envelope", "FastAPI", "vLLM", "Mistral", "FastAPI's list", "Gemini"],
)
def test_message_is_found_in_every_form(new_provider, body):
    """
    The message of the server is found in every known form.
    """
    error = convert(new_provider(), 404, body)

    assert type(error) is NotFoundError
    assert "No such model." in error.message


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b"", "empty"), (b"<html><title>502 Bad Gateway</title></html>", "502 Bad Gateway"), (b"1", "'1'")],
)
def test_other_body_is_described(new_provider, body, expected):
    """
    The page of a proxy, or an empty body, is described in the error.
    """
    error = convert(new_provider(), 502, body)

    assert type(error) is ServerError
    assert expected in error.message


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
def test_retry_after(new_provider, headers, seconds):
    """
    Milliseconds take precedence over seconds, unless they are 0 and the seconds are not, as Azure has sent them.
    """
    error = convert(new_provider(), 429, {"error": {"message": "Slow down."}}, {**headers, "x-request-id": "req_1"})

    assert (error.retry_after, error.request_id) == (seconds, "req_1")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", ContentFilterError),
        ("Invalid prompt: it holds no text.", InvalidRequestError),
    ],
)
def test_flagged_prompt_is_a_content_filter_error(new_provider, message, expected):
    """
    OpenAI has the same code for invalid prompts and for prompts that its filter flags; the message distinguishes them.
    """
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_prompt"}

    error = convert(new_provider(), 400, {"error": body})

    assert type(error) is expected
    assert (error.code, error.retryable) == ("invalid_prompt", False)


PYDANTIC = [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 1}]
IN_PYTHON = [{**PYDANTIC[0], "loc": ("body", "seed")}]


@pytest.mark.parametrize(
    ("message", "parameter"),
    [
        ("Unrecognized request argument supplied: parallel_tool_calls", "parallel_tool_calls"),
        ("Unrecognized request arguments supplied: seed, top_k", "seed"),
        ("property 'store' is unsupported, did you mean 'stop'?", "store"),
        ("'messages.0' : for 'role:user' the following must be satisfied[property 'x' is unsupported]", None),
        ("Extra inputs are not permitted, field: 'seed', value: 1", "seed"),
        ('Invalid JSON payload received. Unknown name "frequency_penalty": Cannot find field.', "frequency_penalty"),
        (json.dumps({"detail": PYDANTIC}), "seed"),
        (json.dumps({"detail": PYDANTIC}, separators=(",", ":")), "seed"),
        (json.dumps(PYDANTIC), "seed"),
        (str(IN_PYTHON), "seed"),
        (json.dumps([{**PYDANTIC[0], "loc": ["body", "messages", 0, "name"]}]), None),
    ],
)
def test_messages_that_reject_a_parameter(new_provider, message, parameter):
    """
    The rejected parameter is found in the messages of several servers; a longer path is not a parameter.
    """
    error = convert(new_provider(), 400, {"error": {"message": message}})

    assert isinstance(error, UnsupportedParameterError) is (parameter is not None)
    assert error.param == parameter


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens.",
        "You passed 31 input tokens and requested 10 output tokens. However, the model's context length is only 8.",
        "prompt too long; exceeded max context length by 4 tokens (ref: 1)",
    ],
)
def test_context_length_without_a_code(new_provider, message):
    """
    An input that is too long is recognized by the start of the message, for servers without a code.
    """
    assert type(convert(new_provider(), 400, {"error": {"message": message}})) is ContextLengthError
    assert type(convert(new_provider(), 400, {"error": {"message": f"You wrote: {message}"}})) is InvalidRequestError
    assert type(convert(new_provider(), 500, {"error": {"message": message}})) is ServerError


@pytest.mark.parametrize("name", ["innererror", "inner_error"])
@pytest.mark.parametrize("inside", ["content_filter_result", "content_filter_results"])
def test_filter_categories(new_provider, name, inside):
    """
    Azure's filter results are in the categories of the error.
    """
    categories = {"violence": {"filtered": True, "severity": "high"}}

    error = convert(
        new_provider(), 400, {"error": {"message": "No.", "code": "content_filter", name: {inside: categories}}}
    )

    assert (error.categories, error.stage) == (categories, "prompt")


@pytest.mark.parametrize("details", [{}, {"innererror": None}, {"innererror": {"content_filter_result": "x"}}])
def test_filter_without_categories(new_provider, details):
    """
    Without filter results, the categories are empty.
    """
    error = convert(new_provider(), 400, {"error": {"message": "No.", "code": "content_filter", **details}})

    assert error.categories == {}


@pytest.mark.parametrize("place", ["beside", "inside"])
@pytest.mark.parametrize(("source", "stage"), [("prompt", "prompt"), ("completion", "output")])
def test_filter_results_of_responses(new_provider, place, source, stage):
    """
    In Responses, the results that blocked the request give the categories and the stage.
    """
    filter_results = [
        {"blocked": False, "source_type": "completion", "content_filter_results": {"sexual": {"filtered": False}}},
        {"blocked": True, "source_type": source, "content_filter_results": {"hate": {"filtered": True}}},
    ]
    body = {"error": {"message": "No.", "code": "content_filter"}}
    (body if place == "beside" else body["error"])["content_filters"] = filter_results

    error = convert(new_provider(), 400, body)

    assert (error.stage, error.categories) == (stage, {"hate": {"filtered": True}})


def test_inner_code_of_a_filter(new_provider):
    """
    A content filter is recognized if only the inner error has its code.
    """
    body = {"error": {"message": "No.", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}

    assert type(convert(new_provider(), 400, body)) is ContentFilterError


@pytest.mark.parametrize("name", ["x-request-id", "apim-request-id", "x-ms-request-id"])
def test_request_id_headers(new_provider, name):
    """
    The request id is found in Azure's headers, also if the body is not JSON.
    """
    assert convert(new_provider(), 500, b"<html>", {name: "r1"}).request_id == "r1"
    with pytest.raises(BadResponseError) as caught:
        new_provider().decode_models(HTTPReply(ReplyHead(200, {name: "r1"}), b"<"))
    assert caught.value.request_id == "r1"


@pytest.mark.parametrize(("tier", "priced"), [("default", None), ("on_demand", None), ("FLEX", "flex"), (None, None)])
def test_price_tier(new_provider, tier, priced):
    """
    Only tiers with other than standard prices are returned.
    """
    reply = ChatResponse(message=Message.assistant("Hi"), finish_reason="stop", metadata={"service_tier": tier})

    assert new_provider().price_tier(reply) == priced
