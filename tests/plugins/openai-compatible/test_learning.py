"""Rules that are learned when servers with OpenAI's API reject a parameter."""

from __future__ import annotations

import json

import pytest

from budwood import Client
from budwood.errors import InvalidRequestError, UnsupportedParameterError
from budwood.types import HTTPReply, ReplyHead
from budwood_testing import chat_reply

NEWER = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
FORBIDDEN = {"type": "extra_forbidden", "loc": ["body", "frequency_penalty"], "msg": "Extra inputs are not permitted"}


def openai_error(message, **fields):
    """
    Return the body of an error in OpenAI's form.
    """
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **fields}}


@pytest.fixture
def local(scripted, clock):
    """
    Return a client of a local server.
    """
    settings = {"providers": {"local": {"plugin": "openai-compatible", "base_url": "http://localhost:1/v1"}}}
    with Client("local/m", settings=settings, transport=scripted, clock=clock, cache=False) as client:
        yield client


@pytest.mark.parametrize(
    ("status", "body", "parameter"),
    [
        (400, openai_error(NEWER, param="max_tokens", code="unsupported_parameter"), "max_tokens"),
        (400, openai_error("Unsupported parameter: 'stop' is not supported with this model.", param="stop"), "stop"),
        (400, openai_error("Unrecognized request argument supplied: parallel_tool_calls"), "parallel_tool_calls"),
        (
            400,
            openai_error("Unknown parameter: 'parallel_tool_calls'.", code="unknown_parameter"),
            "parallel_tool_calls",
        ),
        (400, openai_error("property 'seed' is unsupported, did you mean 'stop'?"), "seed"),
        (400, openai_error("`temperature` and `top_p` cannot both be specified for this model."), "top_p"),
        (
            422,
            {"object": "error", "message": {"detail": [FORBIDDEN]}, "type": "invalid_request_error"},
            "frequency_penalty",
        ),
        (422, {"object": "error", "message": json.dumps({"detail": [FORBIDDEN]}), "code": "1000"}, "frequency_penalty"),
        (422, {"object": "Error", "message": [FORBIDDEN], "code": 3001}, "frequency_penalty"),
        (422, {"detail": [FORBIDDEN]}, "frequency_penalty"),
        (
            400,
            {"object": "error", "message": str([{**FORBIDDEN, "loc": ("body", "frequency_penalty")}]), "code": 400},
            "frequency_penalty",
        ),
        (
            400,
            [{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find'}}],
            "seed",
        ),
    ],
)
def test_rejections_in_many_forms(local, scripted, status, body, parameter):
    """
    The errors of OpenAI, Azure, Groq, Mistral, FastAPI, vLLM, Gemini and gateways each teach a rule once.
    """
    options = {
        "temperature": 0.5, "top_p": 0.5, "max_tokens": 5, "stop": "x", "seed": 1, "frequency_penalty": 1.0,
        "parallel_tool_calls": False,
    }  # fmt: skip
    scripted.reply(status, body).reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))

    first, second = (local.ask("Hello", **options) for _ in range(2))

    assert [len(reply.attempts) for reply in (first, second)] == [2, 1]
    assert [adaptation.parameter for adaptation in second.adaptations] == [parameter]
    assert parameter not in scripted.sent()
    assert set(options) - {parameter} <= set(scripted.sent())


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("max_completion_tokens", "max_tokens"),
        ("max_output_tokens", "max_tokens"),
        ("reasoning.effort", "reasoning_effort"),
        ("response_format", "output_schema"),
        ("text.format", "output_schema"),
        ("messages[0].role", "messages[0].role"),
        ("response_format.json_schema", "output_schema.json_schema"),
        ("random_seed", "seed"),
        ("temperature", "temperature"),
    ],
)
def test_error_has_the_name_of_the_request_field(new_provider, theirs, ours):
    """
    The error has the name of the field of `ChatRequest`, whatever the server calls it.
    """
    provider = new_provider(renames={"seed": "random_seed"})
    body = json.dumps(openai_error("No.", param=theirs, code="unsupported_parameter")).encode()

    assert provider.error(HTTPReply(ReplyHead(400, {}), body)).param == ours


def test_rename_back_to_max_tokens(scripted, clock):
    """
    An instance that sends `max_completion_tokens` learns that the server requires `max_tokens`, without an adaptation.
    """
    settings = {
        "providers": {
            "local": {
                "plugin": "openai-compatible",
                "base_url": "http://localhost:1/v1",
                "max_tokens_parameter": "max_completion_tokens",
            }
        }
    }
    message = "Unsupported parameter: 'max_completion_tokens' is not supported. Use 'max_tokens' instead."
    scripted.reply(400, openai_error(message, param="max_completion_tokens")).reply(body=chat_reply("Hi"))
    with Client("local/m", settings=settings, transport=scripted, clock=clock, cache=False) as client:
        reply = client.ask("Hello", max_tokens=5)

    assert "max_completion_tokens" not in scripted.sent()
    assert scripted.sent()["max_tokens"] == 5
    assert [(adaptation.parameter, adaptation.action) for adaptation in reply.adaptations] == [
        ("max_tokens", "renamed")
    ]


def test_rejection_by_responses(client, scripted):
    """
    A rejection by the Responses API is learned in the same way.
    """
    message = "Unsupported parameter: 'top_p' is not supported with this model."
    scripted.reply(400, openai_error(message, param="top_p", code="unsupported_parameter"))
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}]
    scripted.reply(200, {"id": "r1", "object": "response", "status": "completed", "model": "m", "output": output})

    reply = client.ask("Hello", model="openai/unknown", top_p=0.5, extra={"store": False, "include": []})

    assert reply.text == "Hi"
    assert [adaptation.parameter for adaptation in reply.adaptations] == ["top_p"]
    assert all(call.url.endswith("/responses") for call in scripted.calls)


def test_other_errors_teach_nothing(local, scripted):
    """
    A server error, and an error that only quotes such a message, do not teach a rule.
    """
    scripted.reply(400, openai_error("Invalid prompt: Unsupported parameter: 'temperature'"))

    with pytest.raises(InvalidRequestError, match="Invalid prompt") as caught:
        local.ask("Hello", temperature=0.5)

    assert not isinstance(caught.value, UnsupportedParameterError)
    assert len(scripted.calls) == 1
