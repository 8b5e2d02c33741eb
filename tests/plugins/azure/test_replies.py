from __future__ import annotations

import json

import pytest

from budwood.errors import (
    AuthenticationError,
    CapacityError,
    ContentFilterError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    StreamInterruptedError,
)
from budwood.types import ChatRequest, HTTPReply, Message, ReplyHead, Usage
from budwood_testing import chat_reply, sse

CATEGORIES = {
    "hate": {"filtered": True, "severity": "high"},
    "jailbreak": {"filtered": False, "detected": False},
}
REFUSED = {
    "message": "The response was filtered due to the prompt triggering content management policy.",
    "type": None,
    "param": "prompt",
    "code": "content_filter",
    "status": 400,
}
INNER = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": CATEGORIES}
VERDICTS = [
    {"blocked": False, "source_type": "prompt", "content_filter_results": {"sexual": {"filtered": False}}},
    {"blocked": True, "source_type": "completion", "content_filter_results": CATEGORIES},
]


def convert(provider, status, body, headers=None):
    """
    Convert a reply whose status is not 2xx.
    """
    return provider.error(HTTPReply(ReplyHead(status, headers or {}), json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("body", "stage"),
    [
        ({"error": {**REFUSED, "innererror": INNER}}, "prompt"),
        ({"error": {**REFUSED, "inner_error": INNER}}, "prompt"),
        ({**REFUSED, "innererror": INNER}, "prompt"),
        ({"error": {**REFUSED, "content_filter_result": CATEGORIES}}, "prompt"),
        ({"error": {**REFUSED, "innererror": {"content_filter_results": CATEGORIES}}}, "prompt"),
        ({"error": {"message": "No.", "code": "400", "innererror": INNER}}, "prompt"),
        ({"error": {**REFUSED, "code": "content_policy_violation", "inner_error": INNER}}, "prompt"),
        ({"error": {"message": "No.", "code": "content_filter", "content_filters": VERDICTS}}, "output"),
        ({"error": {"message": "No.", "code": "content_filter"}, "content_filters": VERDICTS}, "output"),
    ],
)
def test_forms_of_filtered_prompts(azure, body, stage):
    """
    Azure's errors of the content filter, in every form, have their categories and are not retried.
    """
    error = convert(azure(), 400, body)

    assert type(error) is ContentFilterError
    assert error.categories == CATEGORIES
    assert (error.stage, error.status, error.retryable) == (stage, 400, False)


@pytest.mark.parametrize("inner", [None, "text", [], {"code": ["odd"]}, {"content_filter_result": "text"}])
def test_invalid_filter_results(azure, inner):
    """
    A content filter error without valid categories is still a content filter error.
    """
    error = convert(azure(), 400, {"error": {**REFUSED, "innererror": inner}, "content_filters": [None, "x"]})

    assert type(error) is ContentFilterError
    assert error.categories == {}


def test_filtered_prompt_is_not_retried(make_client, scripted):
    """
    A client sends a filtered prompt once, and raises an error with categories.
    """
    scripted.reply(400, {"error": {**REFUSED, "innererror": INNER}}, headers={"apim-request-id": "r1"})
    with make_client() as client, pytest.raises(ContentFilterError, match="blocked the prompt") as caught:
        client.ask("Hello")

    assert caught.value.categories == CATEGORIES
    assert (caught.value.param, caught.value.request_id) == ("prompt", "r1")
    assert len(scripted.calls) == 1


def test_filtered_reply(make_client, scripted):
    """
    A filtered reply is returned and billed, with its partial text and the filter results.
    """
    body = chat_reply("Once upon", finish_reason="content_filter")
    body["choices"][0]["content_filter_results"] = CATEGORIES
    scripted.reply(200, body)
    with make_client() as client:
        reply = client.ask("Hello")

    assert (reply.text, reply.finish_reason) == ("Once upon", "content_filter")
    assert reply.metadata["content_filter_results"] == CATEGORIES
    assert reply.usage.output_tokens == 7


def test_filter_results_of_other_replies(make_client, scripted):
    """
    Filter results of prompt and reply are metadata, also if the filter was unavailable.
    """
    unavailable = {"error": {"code": "content_filter_error", "message": "The contents are not filtered"}}
    body = chat_reply("Hi")
    body["choices"][0]["content_filter_results"] = unavailable
    body["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": CATEGORIES}]
    scripted.reply(200, body)
    with make_client() as client:
        reply = client.ask("Hello")

    assert (reply.text, reply.finish_reason) == ("Hi", "stop")
    assert reply.metadata["content_filter_results"] == unavailable
    assert reply.metadata["prompt_filter_results"][0]["content_filter_results"] == CATEGORIES


def stream(make_client, scripted, *chunks, done=True):
    """
    Stream a reply through a client, and return the response.
    """
    scripted.reply(200, chunks=sse(*chunks, done=done))
    with make_client() as client, client.stream("Hello") as stream:
        list(stream)
    return stream.response


def chunk(**choice):
    """
    Return a chunk with one choice.
    """
    return {"id": "c1", "model": "gpt-4o", "choices": [{"index": 0, "finish_reason": None, **choice}]}


def test_filter_results_in_a_stream(make_client, scripted):
    """
    Filter results of the prompt come first and without an id; those of the reply without a delta, also after the end.
    """
    prompt = [{"prompt_index": 0, "content_filter_results": CATEGORIES}]
    offsets = {"check_offset": 44, "start_offset": 44, "end_offset": 198}
    response = stream(
        make_client,
        scripted,
        {"id": "", "model": "", "object": "", "choices": [], "prompt_filter_results": prompt},
        chunk(delta={"role": "assistant", "content": ""}),
        chunk(delta={"content": "Hi"}),
        chunk(finish_reason="stop", delta={}),
        chunk(content_filter_results={"hate": {"filtered": False}}, content_filter_offsets=offsets),
    )

    assert (response.text, response.finish_reason, response.id, response.model) == ("Hi", "stop", "c1", "gpt-4o")
    assert response.metadata["prompt_filter_results"] == prompt
    assert response.metadata["content_filter_results"] == {"hate": {"filtered": False}}
    assert response.metadata["content_filter_offsets"] == offsets


def test_filtered_stream(make_client, scripted):
    """
    The last choice of a filtered stream has no delta, and the finish reason of the filter.
    """
    last = chunk(finish_reason="content_filter", content_filter_results=CATEGORIES)
    response = stream(make_client, scripted, chunk(delta={"content": "Once"}), last)

    assert (response.text, response.finish_reason) == ("Once", "content_filter")
    assert response.metadata["content_filter_results"] == CATEGORIES


def test_filter_error_in_a_stream(make_client, scripted):
    """
    Before any content the error is raised itself; after content the stream is interrupted, with the partial text.
    """
    error = {"error": {**REFUSED, "innererror": INNER}}
    with pytest.raises(ContentFilterError) as caught:
        stream(make_client, scripted, error, done=False)
    assert caught.value.categories == CATEGORIES

    with pytest.raises(StreamInterruptedError, match="content filter") as interrupted:
        stream(make_client, scripted, chunk(delta={"content": "Once"}), error, done=False)
    assert interrupted.value.response.text == "Once"
    assert isinstance(interrupted.value.__cause__, ContentFilterError)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Your requests to gpt-4o have exceeded rate limit.", RateLimitError),
        ("Rate limit is exceeded. Try again in 3 seconds.", RateLimitError),
        ("The system is currently experiencing high demand and cannot process your request.", CapacityError),
        ("System is experiencing high demand.", CapacityError),
        ("Rate limit is exceeded, though the system is currently experiencing high demand.", RateLimitError),
    ],
)
def test_429_is_quota_or_capacity(azure, message, expected):
    """
    The start of the message distinguishes the caller's quota from Azure's capacity.
    """
    body = {"error": {"code": "429", "message": message}}
    error = convert(azure(), 429, body, {"retry-after-ms": "1500", "x-request-id": "r1"})

    assert type(error) is expected
    assert (error.status, error.code, error.retry_after) == (429, "429", 1.5)
    assert (error.request_id, error.retryable) == ("r1", True)


@pytest.mark.parametrize(
    ("status", "code", "expected", "hint"),
    [
        (401, "401", AuthenticationError, "to this resource"),
        (403, "403", PermissionDeniedError, "may use"),
        (404, "DeploymentNotFound", NotFoundError, "azure/DEPLOYMENT"),
        (404, "404", NotFoundError, "api_version"),
        (400, "OperationNotSupported", InvalidRequestError, "Correct the request"),
        (503, None, CapacityError, "another model"),
    ],
)
def test_errors_have_hints_for_azure(azure, status, code, expected, hint):
    """
    Each status has a class, and a hint for Azure.
    """
    error = convert(azure(), status, {"error": {"code": code, "message": "No."}})

    assert type(error) is expected
    assert hint in error.hint


def test_rate_limits(make_client, scripted):
    """
    Azure sends resets as seconds without a unit.
    """
    limits = {"x-ratelimit-remaining-tokens": "99998", "x-ratelimit-reset-tokens": "60", "x-request-id": "r2"}
    scripted.reply(200, chat_reply("Hi"), headers=limits)
    with make_client() as client:
        reply = client.ask("Hello")

    assert (reply.rate_limits.remaining_tokens, reply.rate_limits.reset_tokens) == (99998, 60.0)
    assert reply.request_id == "r2"


def test_more_cached_input_than_input(make_client, scripted):
    """
    If Grok on Azure reports more cached input than input, the uncached input is unknown.
    """
    usage = {"prompt_tokens": 208, "completion_tokens": 27, "prompt_tokens_details": {"cached_tokens": 314}}
    scripted.reply(200, chat_reply("Hi", usage=usage))
    with make_client() as client:
        reply = client.ask("Hello")

    assert (reply.usage.input_tokens, reply.usage.cache_read_tokens) == (208, 314)
    assert reply.usage.uncached_input_tokens is None


def test_tools_and_schemas(make_client, scripted):
    """
    The tool loop and native schemas work as with OpenAI.
    """

    def weather(city: str) -> str:
        """
        Return the weather.
        """
        return f"rain in {city}"

    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    scripted.reply(200, chat_reply("", tool_calls=[call], finish_reason="tool_calls"))
    scripted.reply(200, chat_reply('{"rain": true}'))
    schema = {"type": "object", "properties": {"rain": {"type": "boolean"}}, "required": ["rain"]}
    with make_client() as client:
        assert client.ask("Does it rain in Oslo?", tools=[weather], schema=schema).parsed == {"rain": True}

    assert scripted.sent()["messages"][-1]["content"] == "rain in Oslo"
    assert scripted.sent()["response_format"]["type"] == "json_schema"


def test_embeddings_and_models(make_client, scripted):
    """
    Embeddings and the list of models are requested from the same resource, with the same key.
    """
    scripted.reply(200, {"data": [{"index": 0, "embedding": [0.5]}], "model": "e", "usage": {"prompt_tokens": 1}})
    scripted.reply(200, {"data": [{"id": "gpt-4o", "object": "model"}]})
    with make_client() as client:
        assert client.embed(["a"]).vectors == ((0.5,),)
        assert [model.id for model in client.models()] == ["gpt-4o"]

    assert [call.headers["api-key"] for call in scripted.calls] == ["azure-very-secret"] * 2


@pytest.mark.parametrize("used", [None, Usage(), Usage(input_tokens=40, output_tokens=9)])
def test_limit_counts_max_tokens_at_arrival(azure, used):
    """
    Prompt and max_tokens count, whatever the model writes; without max_tokens, its usual output.
    """
    request = ChatRequest(model="chat", messages=(Message.user("Hi"),), max_tokens=100)
    expected = Usage(input_tokens=50, output_tokens=20)

    assert azure(api_key="k").limit_tokens(request, expected, used) == 150
    assert azure(api_key="k").limit_tokens(request.model_copy(update={"max_tokens": None}), expected, used) == 70
