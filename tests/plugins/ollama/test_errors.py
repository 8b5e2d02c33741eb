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
def failed(ollama):
    """
    Read a reply that is not 2xx.
    """

    def read(status, body, headers=None):
        written = body if isinstance(body, bytes) else json.dumps(body).encode()
        return ollama().error(HTTPReply(ReplyHead(status, headers or {}), written))

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
def test_the_status_decides(failed, status, expected, retryable):
    """
    Ollama has no codes: the status gives the class and says whether to try again.
    """
    error = failed(status, {"error": "no"}, {"retry-after": "7", "x-request-id": "r1"})

    assert type(error) is expected
    assert "no" in error.message
    assert (error.status, error.retryable, error.retry_after, error.request_id) == (status, retryable, 7.0, "r1")


@pytest.mark.parametrize(
    "text",
    ["model 'llama3:8b' not found", 'model "llama3:8b" not found, try pulling it first', "model llama3:8b not found"],
)
def test_a_missing_model_is_to_be_pulled(failed, text):
    """
    The hint is the command that fetches the model.
    """
    error = failed(404, {"error": text})

    assert type(error) is NotFoundError
    assert error.hint == "Run `ollama pull llama3:8b`."


@pytest.mark.parametrize("name", ["x; rm -rf ~", "$(reboot)", "a`b`"])
def test_a_hint_is_no_command_of_the_servers(failed, name):
    """
    What a server writes for a name is not offered as a command.
    """
    assert "ollama pull" not in str(failed(404, {"error": f"model '{name}' not found"}).hint)


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
def test_a_text_that_is_too_long_is_known_by_its_words(failed, status, text):
    """
    Servers say so under several statuses, and to ask again is of no use under any.
    """
    error = failed(status, {"error": text})

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
def test_what_a_model_cannot_do_names_our_parameter(failed, text, param):
    """
    The field of our request that asks for it is named.
    """
    error = failed(400, {"error": text})

    assert type(error) is UnsupportedParameterError
    assert error.param == param


def test_words_in_the_middle_decide_nothing(failed):
    """
    Texts are matched at their beginning or end: a message that repeats the prompt is not taken for another error.
    """
    for text in ("failed: model 'x' not found, he said", "he said it does not support tools, really"):
        assert type(failed(400, {"error": text})) is InvalidRequestError


def test_a_model_that_does_not_fit_is_not_asked_again(failed):
    """
    Memory does not grow by waiting.
    """
    error = failed(500, {"error": "model requires more system memory (8.0 GiB) than is available (4.0 GiB)"})

    assert (type(error), error.retryable) == (ServerError, False)
    assert "ollama ps" in str(error)


def test_a_refused_key_says_where_keys_come_from(failed):
    """
    The cloud wants a key, and a local server that asks the cloud wants its user signed in.
    """
    error = failed(401, {"error": "unauthorized", "signin_url": "https://ollama.com/connect"})

    assert "OLLAMA_API_KEY" in str(error)
    assert "ollama signin" in str(error)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"<html><title>502 Bad Gateway</title></html>", "502 Bad Gateway"),
        (b"404 page not found", "404 page not found"),
        ({"error": {"message": "busy", "type": "api_error"}}, "busy"),
        ({"error": 7}, "HTTP 502"),
    ],
)
def test_every_body_says_what_came(failed, body, said):
    """
    A proxy's page, nothing at all, or OpenAI's envelope still makes an error that says what came.
    """
    error = failed(502, body)

    assert type(error) is ServerError
    assert said in error.message
