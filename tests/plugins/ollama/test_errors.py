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
    RateLimitError,
    ServerError,
    UnsupportedParameterError,
)
from budwood.types import HTTPReply, ReplyHead


@pytest.fixture
def decode_error(ollama):
    """
    Read a reply that is not 2xx.
    """

    def read(status, body, headers=None):
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        return ollama().error(HTTPReply(ReplyHead(status, headers or {}), encoded))

    return read


@pytest.mark.parametrize(
    ("status", "expected", "retryable"),
    [
        (400, InvalidRequestError, False),
        (401, AuthenticationError, False),
        (403, PermissionDeniedError, False),
        (404, NotFoundError, False),
        (429, RateLimitError, True),
        (500, ServerError, True),
        (502, ServerError, True),
        (503, CapacityError, True),
    ],
)
def test_the_status_determines_the_class(decode_error, status, expected, retryable):
    """
    Ollama has no error codes.
    """
    error = decode_error(status, {"error": "no"}, {"retry-after": "7", "x-request-id": "r1"})

    assert type(error) is expected
    assert "no" in error.message
    assert (error.status, error.retryable, error.retry_after, error.request_id) == (status, retryable, 7.0, "r1")


@pytest.mark.parametrize(
    "text",
    ["model 'llama3:8b' not found", 'model "llama3:8b" not found, try pulling it first', "model llama3:8b not found"],
)
def test_a_missing_model_has_a_hint(decode_error, text):
    """
    The hint is the command that pulls it.
    """
    error = decode_error(404, {"error": text})

    assert type(error) is NotFoundError
    assert error.hint == "Run `ollama pull llama3:8b`."


@pytest.mark.parametrize("name", ["x; rm -rf ~", "$(reboot)", "a`b`"])
def test_a_hint_contains_no_text_of_the_server(decode_error, name):
    """
    A name from the server is not part of a suggested command unless it is valid.
    """
    assert "ollama pull" not in str(decode_error(404, {"error": f"model '{name}' not found"}).hint)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "the input length exceeds the context length"),
        (400, "input length exceeds maximum context length"),
        (500, "the input length exceeds the context length"),
        (413, "the input length exceeds the context length"),
        (400, "prompt too long; exceeded max context length by 1119046 tokens (ref: 96164522)"),
    ],
)
def test_the_message_identifies_a_long_input(decode_error, status, text):
    """
    Servers use several statuses, none of which is retried.
    """
    error = decode_error(status, {"error": text})

    assert type(error) is ContextLengthError
    assert (error.status, error.retryable) == (status, False)
    assert "num_ctx" in str(error)


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("registry.ollama.ai/library/gemma:2b does not support tools", "tools"),
        ('"gemma:2b" does not support thinking', "reasoning_effort"),
        ('think value "high" is not supported for this model', "reasoning_effort"),
        ('"all-minilm" does not support chat', None),
    ],
)
def test_a_missing_capability_names_our_parameter(decode_error, text, param):
    """
    The field of our request that needs the capability.
    """
    error = decode_error(400, {"error": text})

    assert type(error) is UnsupportedParameterError
    assert error.param == param


def test_words_within_a_message_do_not_decide(decode_error):
    """
    Messages are matched at the start or end, since they may quote the prompt.
    """
    for text in ("failed: model 'x' not found, he said", "he said it does not support tools, really"):
        assert type(decode_error(400, {"error": text})) is InvalidRequestError


def test_a_lack_of_memory_is_not_retried(decode_error):
    """
    Waiting does not help.
    """
    error = decode_error(500, {"error": "model requires more system memory (8.0 GiB) than is available (4.0 GiB)"})

    assert (type(error), error.retryable) == (ServerError, False)
    assert "ollama ps" in str(error)


def test_a_rejected_key_has_a_hint(decode_error):
    """
    The cloud needs a key, and a local server needs its user signed in for cloud models.
    """
    error = decode_error(401, {"error": "unauthorized", "signin_url": "https://ollama.com/connect"})

    assert "OLLAMA_API_KEY" in str(error)
    assert "ollama signin" in str(error)


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (b"", "empty"),
        (b"<html><title>502 Bad Gateway</title></html>", "502 Bad Gateway"),
        (b"404 page not found", "404 page not found"),
        ({"error": {"message": "busy", "type": "api_error"}}, "busy"),
        ({"error": 7}, "HTTP 502"),
    ],
)
def test_every_body_is_described(decode_error, body, payload):
    """
    A proxy's page, an empty body, or OpenAI's envelope.
    """
    error = decode_error(502, body)

    assert type(error) is ServerError
    assert payload in error.message


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "this model does not support images"),
        (500, "failed to process inputs: this model is missing data required for image input"),
    ],
)
def test_models_without_vision(decode_error, status, text):
    """
    Neither answer is retried, and the hint says where the capabilities are listed.
    """
    error = decode_error(status, {"error": text})

    assert type(error) is UnsupportedParameterError
    assert (error.status, error.param, error.retryable) == (status, "messages", False)
    assert "ollama show" in error.hint
