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
def test_servers_reject_a_parameter_in_words_of_their_own(speaker, message, parameter):
    """
    The parameter is named as the server names it; what lies inside a field is not one.
    """
    error = failed(speaker(), 400, {"error": {"message": message}})

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
def test_too_long_an_input_is_known_by_how_servers_without_codes_begin(speaker, message):
    """
    Servers such as vLLM and Ollama have no code for it: their own first words tell, and only these.
    """
    assert type(failed(speaker(), 400, {"error": {"message": message}})) is ContextLengthError
    assert type(failed(speaker(), 400, {"error": {"message": f"You wrote: {message}"}})) is InvalidRequestError
    assert type(failed(speaker(), 500, {"error": {"message": message}})) is ServerError


@pytest.mark.parametrize("name", ["innererror", "inner_error"])
@pytest.mark.parametrize("inside", ["content_filter_result", "content_filter_results"])
def test_the_filters_categories_are_kept(speaker, name, inside):
    """
    What Azure says of each category is a field of the error.
    """
    found = {"violence": {"filtered": True, "severity": "high"}}

    error = failed(speaker(), 400, {"error": {"message": "No.", "code": "content_filter", name: {inside: found}}})

    assert (error.categories, error.stage) == (found, "prompt")


@pytest.mark.parametrize("details", [{}, {"innererror": None}, {"innererror": {"content_filter_result": "x"}}])
def test_a_filter_without_categories(speaker, details):
    """
    Where the server says nothing of categories, there are none.
    """
    error = failed(speaker(), 400, {"error": {"message": "No.", "code": "content_filter", **details}})

    assert error.categories == {}


@pytest.mark.parametrize("place", ["beside", "inside"])
@pytest.mark.parametrize(("source", "stage"), [("prompt", "prompt"), ("completion", "output")])
def test_a_filters_verdicts_are_read_in_the_form_of_responses(speaker, place, source, stage):
    """
    Of a list of verdicts those that blocked count, and say what they blocked.
    """
    verdicts = [
        {"blocked": False, "source_type": "completion", "content_filter_results": {"sexual": {"filtered": False}}},
        {"blocked": True, "source_type": source, "content_filter_results": {"hate": {"filtered": True}}},
    ]
    body = {"error": {"message": "No.", "code": "content_filter"}}
    (body if place == "beside" else body["error"])["content_filters"] = verdicts

    error = failed(speaker(), 400, body)

    assert (error.stage, error.categories) == (stage, {"hate": {"filtered": True}})


def test_an_inner_code_tells_a_filter(speaker):
    """
    Azure has put the telling code inside alone.
    """
    body = {"error": {"message": "No.", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}

    assert type(failed(speaker(), 400, body)) is ContentFilterError


@pytest.mark.parametrize("name", ["x-request-id", "apim-request-id", "x-ms-request-id"])
def test_each_name_of_the_requests_id(speaker, name):
    """
    Azure has names of its own for it, also where the reply is no JSON.
    """
    assert failed(speaker(), 500, b"<html>", {name: "r1"}).request_id == "r1"
    with pytest.raises(BadResponseError) as caught:
        speaker().decode_models(HTTPReply(ReplyHead(200, {name: "r1"}), b"<"))
    assert caught.value.request_id == "r1"


@pytest.mark.parametrize(("tier", "priced"), [("default", None), ("on_demand", None), ("FLEX", "flex"), (None, None)])
def test_the_service_tier_has_prices_of_its_own(speaker, tier, priced):
    """
    The standard tiers have none.
    """
    reply = ChatResponse(message=Message.assistant("Hi"), finish_reason="stop", metadata={"service_tier": tier})

    assert speaker().price_tier(reply) == priced
