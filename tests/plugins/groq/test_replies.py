from __future__ import annotations

import json

import pytest

from budwood.errors import (
    AuthenticationError,
    CapacityError,
    ContextLengthError,
    InvalidRequestError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from budwood.types import ChatRequest, HTTPReply, Message, ReplyHead, Usage, VendorPart
from budwood_testing import chat_reply, sse

USAGE = {
    "queue_time": 0.01,
    "prompt_tokens": 40,
    "prompt_time": 0.002,
    "completion_tokens": 9,
    "completion_time": 0.03,
    "total_tokens": 49,
    "total_time": 0.032,
    "prompt_tokens_details": {"cached_tokens": 30},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def chunk(delta=None, **fields):
    """
    Return a chunk; without a delta it has no choice.
    """
    finish = fields.pop("finish_reason", None)
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": choices, **fields}


def convert(provider, status, error, headers=None):
    """
    Convert a reply whose status is not 2xx.
    """
    return provider.error(HTTPReply(ReplyHead(status, headers or {}), json.dumps({"error": error}).encode()))


def test_usage_of_a_stream_is_in_x_groq(make_client, scripted):
    """
    The last chunk of a stream has usage in ``x_groq``, whether it was requested or not.
    """
    first = chunk({"role": "assistant", "content": ""}, x_groq={"id": "req_1"})
    last = chunk({}, finish_reason="stop", x_groq={"id": "req_1", "usage": USAGE, "seed": 7})
    scripted.reply(200, chunks=sse(first, chunk({"reasoning": "Well"}), chunk({"content": "Hi"}), last))
    with make_client() as client, client.stream("Hello") as stream:
        assert "".join(stream.text_deltas()) == "Hi"
    usage = stream.response.usage

    assert (usage.input_tokens, usage.cache_read_tokens, usage.uncached_input_tokens) == (40, 30, 10)
    assert (usage.output_tokens, usage.reasoning_tokens) == (9, 5)
    assert usage.raw == USAGE
    assert stream.response.reasoning == "Well"
    assert stream.response.metadata["x_groq"]["seed"] == 7


def test_x_groq_of_a_complete_reply_is_not_its_usage(make_client, scripted):
    """
    In a complete reply, ``x_groq.usage`` has the counts of Groq's caches, and remains metadata.
    """
    caches = {"dram_cached_tokens": 1, "sram_cached_tokens": 2}
    scripted.reply(200, {**chat_reply("Hi", usage=USAGE), "x_groq": {"id": "req_1", "usage": caches}})
    with make_client() as client:
        reply = client.ask("Hello")

    assert reply.usage.input_tokens == 40
    assert reply.metadata["x_groq"]["usage"] == caches


def test_missing_usage(make_client, scripted):
    """
    A reply without usage has none, although ``x_groq`` has counts.
    """
    scripted.reply(200, {**chat_reply("Hi", usage=None), "x_groq": {"usage": {"dram_cached_tokens": 1}}})
    with make_client() as client:
        usage = client.ask("Hello").usage

    assert (usage.input_tokens, usage.raw) == (None, None)


@pytest.mark.parametrize("error", ["over_capacity", "The model ran out of time."])
def test_an_error_in_x_groq_is_raised(make_client, scripted, error):
    """
    The error in ``x_groq.error`` of a stream is raised, with the partial text.
    """
    failed = chunk({}, x_groq={"id": "req_1", "error": error})
    scripted.reply(200, chunks=sse(chunk({"content": "Half"}), failed))
    with (
        make_client(retries=0) as client,
        client.stream("Hello") as stream,
        pytest.raises(StreamInterruptedError) as caught,
    ):
        list(stream)

    assert error in str(caught.value)
    assert caught.value.response.text == "Half"


def test_error_in_x_groq_before_content_is_retried(make_client, scripted):
    """
    Before the first content, the error in ``x_groq`` is a server error, which is retried.
    """
    scripted.reply(200, chunks=sse(chunk({}, x_groq={"error": "over_capacity"})))
    scripted.reply(200, chunks=sse(chunk({"content": "Hi"}, finish_reason="stop")))
    with make_client() as client, client.stream("Hello") as stream:
        assert "".join(stream.text_deltas()) == "Hi"
    assert [attempt.error for attempt in stream.response.attempts] == ["ServerError", None]


def test_flex_tier_without_capacity_is_retried(make_client, scripted, clock):
    """
    Status 498 of the flex tier is a capacity error, which is retried.
    """
    scripted.reply(498, {"error": {"message": "flex tier capacity exceeded", "code": "capacity_exceeded"}})
    scripted.reply(200, {**chat_reply("Hi"), "service_tier": "flex"})
    with make_client(settings={"service_tier": "flex"}) as client:
        reply = client.ask("Hello")

    assert reply.attempts[0].error == "CapacityError"
    assert len(clock.slept) == 1
    assert reply.metadata["service_tier"] == "flex"


@pytest.mark.parametrize(
    ("status", "code", "expected", "retryable"),
    [
        (400, "invalid_request_error", InvalidRequestError, False),
        (400, "context_length_exceeded", ContextLengthError, False),
        (400, "tool_use_failed", InvalidRequestError, True),
        (400, "json_validate_failed", InvalidRequestError, True),
        (401, "invalid_api_key", AuthenticationError, False),
        (403, None, PermissionDeniedError, False),
        (413, "rate_limit_exceeded", InvalidRequestError, False),
        (422, None, InvalidRequestError, True),
        (424, None, InvalidRequestError, False),
        (429, "rate_limit_exceeded", RateLimitError, True),
        (498, None, CapacityError, True),
        (498, "capacity_exceeded", CapacityError, True),
        (500, "internal_server_error", ServerError, True),
        (502, None, ServerError, True),
        (503, None, CapacityError, True),
    ],
)
def test_errors(groq, status, code, expected, retryable):
    """
    Each status and code has a class; errors about the model's own output are retryable.
    """
    error = convert(groq(), status, {"message": "No.", "type": "some_type", "code": code})

    assert type(error) is expected
    assert (error.status, error.retryable) == (status, retryable)


def test_failed_generation_is_in_the_hint(groq):
    """
    The hint of a failed generation shows the output of the model, shortened.
    """
    output = '{"name": "f"} ' + "x" * 1000
    error = convert(groq(), 400, {"message": "No.", "code": "tool_use_failed", "failed_generation": output})

    assert 'Its output: {"name": "f"}' in str(error)
    assert len(str(error)) < 500


def test_rate_limits_and_retry_after(make_client, scripted, clock):
    """
    Requests per day and tokens per minute are parsed, with Groq's durations; a 429 waits as long as requested.
    """
    limits = {
        "x-ratelimit-limit-requests": "14400",
        "x-ratelimit-limit-tokens": "18000",
        "x-ratelimit-remaining-requests": "14370",
        "x-ratelimit-remaining-tokens": "17997",
        "x-ratelimit-reset-requests": "2m59.56s",
        "x-ratelimit-reset-tokens": "7.66s",
    }
    scripted.reply(429, {"error": {"message": "Slow down."}}, headers={"retry-after": "2"})
    scripted.reply(200, chat_reply("Hi"), headers={**limits, "x-request-id": "req_9"})
    with make_client() as client:
        reply = client.ask("Hello")

    assert clock.slept == [2.0]
    assert (reply.rate_limits.limit_requests, reply.rate_limits.remaining_tokens) == (14400, 17997)
    assert reply.rate_limits.period_requests == 86_400
    assert reply.rate_limits.reset_requests == pytest.approx(179.56)
    assert reply.rate_limits.reset_tokens == pytest.approx(7.66)
    assert reply.request_id == "req_9"


def test_limit_of_requests_is_per_day(groq):
    """
    The record says that requests are counted per day, so that it does not correct a limit per minute.
    """
    head = ReplyHead(200, {"x-ratelimit-remaining-requests": "3"})

    assert groq().rate_limits(head).period_requests == 86_400
    assert groq().rate_limits(head).period_tokens is None
    assert groq().rate_limits(ReplyHead(200, {})) is None


def test_cached_tokens_do_not_count_against_the_limit(groq):
    """
    Before a request all tokens count, after it those that were not cached.
    """
    request = ChatRequest(model="m", messages=(Message.user("Hi"),), max_tokens=100)
    expected = Usage(input_tokens=50, output_tokens=20)

    assert groq().limit_tokens(request, expected, None) is None
    assert groq().limit_tokens(request, expected, Usage(input_tokens=40, output_tokens=9, cache_read_tokens=30)) == 19
    assert groq().limit_tokens(request, expected, Usage()) is None


def test_invalid_key(make_client, scripted):
    """
    An invalid key is not retried, and not in the error.
    """
    scripted.reply(401, {"error": {"message": "Invalid API Key gsk_very_secret", "code": "invalid_api_key"}})
    with make_client() as client, pytest.raises(AuthenticationError, match="Check the API key") as caught:
        client.ask("Hello")
    assert "gsk_very_secret" not in repr(caught.value) + str(caught.value)


def test_tools_are_called(make_client, scripted):
    """
    A tool is called, and its result is sent.
    """

    def weather(city: str) -> str:
        """
        Return the weather.
        """
        return f"rain in {city}"

    call = {"id": "fc_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    scripted.reply(200, chat_reply("", tool_calls=[call], reasoning="Hm", finish_reason="tool_calls"))
    scripted.reply(200, chat_reply("It rains."))
    with make_client() as client:
        assert client.ask("How is Oslo?", tools=[weather]).text == "It rains."

    result = scripted.sent()["messages"][-1]
    assert (result["role"], result["tool_call_id"], result["content"]) == ("tool", "fc_1", "rain in Oslo")


@pytest.mark.parametrize(("model", "native"), [("openai/gpt-oss-20b", True), ("llama-3.3-70b-versatile", False)])
def test_structured_output(make_client, scripted, model, native):
    """
    Models with native schemas get the schema; for others, the output is the arguments of a tool.
    """
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    call = {"id": "1", "type": "function", "function": {"name": "return_output", "arguments": '{"age": 3}'}}
    scripted.reply(200, chat_reply('{"age": 3}') if native else chat_reply("", tool_calls=[call]))
    with make_client(model) as client:
        assert client.ask("Ada is 3.", schema=schema).parsed == {"age": 3}
    assert ("response_format" in scripted.sent()) is native


def test_tools_of_compound_systems(groq):
    """
    Tools that ran at Groq are vendor parts, which are not sent to other vendors.
    """
    body = chat_reply("Hi", executed_tools=[{"index": 0, "type": "search"}])
    body["usage_breakdown"] = {"models": [{"model": "a", "usage": USAGE}]}
    request = ChatRequest(model="m", messages=(Message.user("Hi"),))
    response = groq().decode(request, HTTPReply(ReplyHead(200, {}), json.dumps(body).encode()))

    assert response.message.parts[-1] == VendorPart(
        provider="groq", kind="executed_tools", data=[{"index": 0, "type": "search"}]
    )
    assert response.metadata["usage_breakdown"]["models"][0]["model"] == "a"


def test_models(make_client, scripted):
    """
    The list of models has context windows.
    """
    row = {"id": "llama-3.1-8b-instant", "object": "model", "created": 1, "owned_by": "Meta", "context_window": 131072}
    scripted.reply(200, {"object": "list", "data": [row]})
    with make_client() as client:
        (model,) = client.models()

    assert (model.id, model.context_window, model.provider) == ("llama-3.1-8b-instant", 131072, "groq")
    assert scripted.calls[0].url == "https://api.groq.com/openai/v1/models"
