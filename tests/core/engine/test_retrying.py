from __future__ import annotations

import asyncio
import functools
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import Client
from budwood.errors import (
    AuthenticationError,
    CapacityError,
    ConnectionFailedError,
    ContentFilterError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamInterruptedError,
)
from budwood.types import TextDelta
from budwood_testing import FakeClock, ScriptedTransport, chat_chunks, chat_reply, sse


def make_error_body(code=None, message="No."):
    """
    Return the body of an error in OpenAI's format.
    """
    return {"error": {"message": message, "type": None, "param": None, "code": code}}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "120"}, 120.0),
    ],
)
def test_rate_limit_waits_as_long_as_the_server_asks(client, scripted, clock, headers, seconds):
    """
    A 429 is retried once, after exactly the delay in its headers.
    """
    scripted.reply(429, make_error_body(), headers=headers).reply(body=chat_reply("hello"))

    response = client.ask("hi")

    assert response.text == "hello"
    assert clock.slept == [seconds]


def test_async_calls_wait_as_long(async_client, scripted, clock):
    """
    Both drivers have the same policy.
    """
    scripted.reply(429, make_error_body(), headers={"retry-after": "7"}).reply(body=chat_reply("hello"))

    assert asyncio.run(async_client.ask("hi")).text == "hello"
    assert clock.slept == [7.0]


def test_retry_after_may_be_a_date(make_client, scripted, clock):
    """
    The call waits until then; the real clock advances a little between writing and reading it.
    """
    date = formatdate(time.time() + 3600, usegmt=True)
    scripted.reply(503, make_error_body(), headers={"retry-after": date}).reply(body=chat_reply("hello"))

    make_client(max_retry_after=4000, timeout=5000).ask("hi")

    (slept,) = clock.slept
    assert 1800 < slept <= 3601


def test_a_date_in_the_past_means_no_delay(client, scripted, clock):
    """
    The request is retried immediately.
    """
    scripted.reply(429, make_error_body(), headers={"retry-after": formatdate(0, usegmt=True)}).reply(body=chat_reply())

    client.ask("hi")

    assert clock.slept == [0.0]


@pytest.mark.parametrize("value", ["soon", "", "nan", "inf", "1e999", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_an_invalid_retry_after_is_ignored(client, scripted, clock, value):
    """
    The delay is that of the backoff.
    """
    scripted.reply(429, make_error_body(), headers={"retry-after": value}).reply(body=chat_reply())

    client.ask("hi")

    assert 0 <= clock.slept[0] <= 0.5


def test_a_retry_after_above_the_limit_is_raised(client, scripted, clock):
    """
    If it exceeds 120 s, the error is raised immediately, with the delay.
    """
    scripted.reply(429, make_error_body(), headers={"retry-after": "121"})

    with pytest.raises(RateLimitError) as caught:
        client.ask("hi")

    assert (caught.value.retry_after, clock.slept) == (121.0, [])


def test_the_limit_of_retry_after_is_an_option(client, scripted, clock):
    """
    `max_retry_after` raises and lowers it.
    """
    for _ in range(2):
        scripted.reply(429, make_error_body(), headers={"retry-after": "200"})
    scripted.reply(body=chat_reply("hello"))

    with pytest.raises(RateLimitError):
        client.ask("hi", max_retry_after=199)
    assert client.ask("hi", max_retry_after=200).text == "hello"

    assert clock.slept == [200.0]


@functools.cache
def get_client() -> tuple[Client, ScriptedTransport, FakeClock]:
    """Create one client for all examples, because finding plugins takes most of the time."""
    scripted, clock = ScriptedTransport(), FakeClock()
    return Client("openai/m", api_key="k", transport=scripted, clock=clock, cache=False), scripted, clock


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_backoff_is_full_jitter(seed, retries):
    """
    Without Retry-After the delay is random between zero and 0.5 s, a limit that doubles up to 8 s.
    """
    client, scripted, clock = get_client()
    for _ in range(retries):
        scripted.reply(500, make_error_body())
    scripted.reply(body=chat_reply())
    client._engine.random.seed(seed)
    clock.slept.clear()
    clock.advance(120)  # retries of the last minute are limited

    client.ask("hi", retries=retries)

    assert len(clock.slept) == retries
    for number, pause in enumerate(clock.slept):
        assert 0 <= pause <= min(8.0, 0.5 * 2**number)


def test_backoff_covers_its_full_range(scripted, clock, make_client):
    """
    Of many delays some are short, some long, and all differ.
    """
    client = make_client(retries=1)
    for _ in range(200):
        scripted.reply(500, make_error_body()).reply(body=chat_reply())
        client.ask("hi")
        clock.advance(60)

    assert min(clock.slept) < 0.1
    assert max(clock.slept) > 0.4
    assert len(set(clock.slept)) > 190


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, InvalidRequestError) for status in (408, 409, 425)),
        (429, RateLimitError),
        *((status, ServerError) for status in (500, 502, 504)),
        *((status, CapacityError) for status in (503, 529)),
    ],
)
def test_transient_errors_are_retried(client, scripted, clock, status, kind):
    """
    These statuses are retried twice, and then the last error is raised.
    """
    for _ in range(3):
        scripted.reply(status, make_error_body())

    with pytest.raises(kind) as caught:
        client.ask("hi")

    assert (len(scripted.calls), len(clock.slept), len(caught.value.attempts)) == (3, 2, 3)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, None, InvalidRequestError),
        (400, "content_filter", ContentFilterError),
        (401, None, AuthenticationError),
        (403, None, PermissionDeniedError),
        (404, None, NotFoundError),
        (413, None, InvalidRequestError),
        (422, None, InvalidRequestError),
        (429, "insufficient_quota", QuotaExhaustedError),
        (429, "billing_hard_limit_reached", QuotaExhaustedError),
    ],
)
def test_permanent_errors_are_never_retried(client, scripted, status, code, kind):
    """
    Invalid requests, wrong credentials, content filters and exhausted quotas are raised immediately.
    """
    scripted.reply(status, make_error_body(code), headers={"retry-after": "1"})

    with pytest.raises(kind) as caught:
        client.ask("hi", retries=5)

    assert len(scripted.calls) == len(caught.value.attempts) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(401, None), (403, None), (400, "content_filter"), (429, "insufficient_quota")]
)
def test_no_header_makes_permanent_errors_retryable(client, scripted, status, code):
    """
    `x-should-retry: true` does not apply to credentials, filters and quotas.
    """
    scripted.reply(status, make_error_body(code), headers={"x-should-retry": "true"})

    with pytest.raises(Exception, match="No"):
        client.ask("hi")

    assert len(scripted.calls) == 1


def test_a_server_may_forbid_retries(client, scripted):
    """
    `x-should-retry: false` ends the call.
    """
    scripted.reply(500, make_error_body(), headers={"x-should-retry": "false"})

    with pytest.raises(ServerError):
        client.ask("hi")

    assert len(scripted.calls) == 1


def test_retries_can_be_disabled(client, scripted, clock):
    """
    With `retries=0` the first error is raised.
    """
    scripted.reply(500, make_error_body(), headers={"retry-after": "1"})

    with pytest.raises(ServerError):
        client.ask("hi", retries=0)

    assert (len(scripted.calls), clock.slept) == (1, [])


@pytest.mark.parametrize(
    "failure",
    [
        ConnectionFailedError("It broke."),
        *(RequestTimeoutError("Too slow.", phase=phase) for phase in ("connect", "read")),
    ],
)
def test_lost_connections_and_timeouts_are_retried(client, scripted, failure):
    """
    They may occur before or within the response; the attempt has the status if there was one.
    """
    scripted.fail(failure).reply(chunks=[b'{"choi'], failure=failure).reply(body=chat_reply("hello"))

    response = client.ask("hi")

    assert response.text == "hello"
    assert [attempt.status for attempt in response.attempts] == [None, 200, 200]


def test_an_invalid_address_is_not_retried(client, scripted):
    """
    The error is not retryable.
    """
    scripted.fail(ConnectionFailedError("The address cannot be used.", retryable=False))

    with pytest.raises(ConnectionFailedError):
        client.ask("hi")

    assert len(scripted.calls) == 1


def test_one_deadline_limits_all_attempts(client, scripted, clock):
    """
    Every attempt has the same deadline, and a delay beyond it is not started.
    """
    begin = clock.now
    for _ in range(3):
        scripted.reply(429, make_error_body(), headers={"retry-after": "40"})

    with pytest.raises(RateLimitError):
        client.ask("hi", timeout=100, retries=10)

    assert clock.slept == [40.0, 40.0]
    assert {timing.deadline for timing in scripted.timings} == {begin + 100}


def test_a_deadline_that_has_passed_ends_the_call(client, scripted):
    """
    There is no retry.
    """
    scripted.fail(RequestTimeoutError("Too slow.", phase="deadline"))

    with pytest.raises(RequestTimeoutError):
        client.ask("hi")

    assert len(scripted.calls) == 1


def test_every_attempt_is_recorded(client, scripted, clock):
    """
    A record has the target, the key, the result, the duration and the delay before it.
    """

    def make_slow_answer(status, body, headers):
        def answer(call):
            clock.now += 2.0
            return ScriptedTransport().reply(status, body, headers=headers)._script[0]

        return answer

    scripted.answer(make_slow_answer(429, make_error_body(), {"retry-after": "7", "x-request-id": "r1"}))
    scripted.fail()
    scripted.answer(make_slow_answer(200, chat_reply("hello"), {"x-request-id": "r3"}))

    first, second, third = client.ask("hi").attempts

    assert {(attempt.provider, attempt.model, attempt.key) for attempt in (first, second, third)} == {
        ("openai", "gpt-4o", "default")
    }
    assert (first.status, first.error, first.request_id, first.delay) == (429, "RateLimitError", "r1", 0.0)
    assert (second.status, second.error, second.request_id, second.delay) == (None, "ConnectionFailedError", None, 7.0)
    assert (third.status, third.error, third.request_id, third.delay) == (200, None, "r3", clock.slept[1])
    assert [first.duration, second.duration, third.duration] == [2.0, 0.0, 2.0]
    assert (first.usage, third.usage.output_tokens) == (None, 7)


def test_an_error_has_its_attempts_and_its_target(client, scripted):
    """
    They are the same as those of a successful call.
    """
    scripted.reply(500, make_error_body()).reply(401, make_error_body(), headers={"x-request-id": "r2"})

    with pytest.raises(AuthenticationError) as caught:
        client.ask("hi")

    assert [attempt.error for attempt in caught.value.attempts] == ["ServerError", "AuthenticationError"]
    assert (caught.value.provider, caught.value.model, caught.value.request_id) == ("openai", "gpt-4o", "r2")


def test_a_stream_is_retried_only_before_its_first_content(client, scripted):
    """
    The caller sees one stream.
    """
    scripted.reply(503, make_error_body())
    scripted.reply(chunks=sse({"id": "lost", "choices": []}, done=False))
    scripted.reply(chunks=sse({"error": {"message": "overloaded", "code": "server_is_overloaded"}}))
    scripted.reply(chunks=sse(*chat_chunks(["hel", "lo"])))

    with client.stream("hi", retries=3) as stream:
        texts = [event.text for event in stream if isinstance(event, TextDelta)]

    assert texts == ["hel", "lo"]
    assert stream.response.id == "chatcmpl-1"
    assert [attempt.error for attempt in stream.response.attempts] == [
        "CapacityError", "StreamInterruptedError", "CapacityError", None
    ]  # fmt: skip


@pytest.mark.parametrize(
    "end", [b"", b'data: {"error": {"message": "overloaded", "code": "server_is_overloaded"}}\n\n', b"data: {oops\n\n"]
)
def test_a_stream_is_not_retried_after_its_first_content(client, scripted, end):
    """
    The caller gets the partial reply, and nothing is sent again.
    """
    scripted.reply(chunks=[*sse(*chat_chunks(["hel"], finish_reason=None), done=False), end])

    with client.stream("hi") as stream, pytest.raises(StreamInterruptedError) as caught:
        list(stream)

    assert caught.value.response.text == "hel"
    assert [attempt.status for attempt in caught.value.attempts] == [caught.value.status or 200]
    assert not caught.value.retryable
    assert len(scripted.calls) == 1


def test_an_error_inside_a_200_is_an_error(client, scripted):
    """
    It is retried if it is transient, and raised otherwise.
    """
    scripted.reply(200, make_error_body("server_is_overloaded")).reply(200, make_error_body("insufficient_quota"))

    with pytest.raises(QuotaExhaustedError) as caught:
        client.ask("hi")

    assert len(caught.value.attempts) == 2


def test_all_services_are_retried(client, scripted, clock):
    """
    Embeddings and lists of models have the same policy.
    """
    scripted.reply(429, make_error_body(), headers={"retry-after": "3"}).reply(body={"data": [{"embedding": [1.0]}]})
    scripted.reply(429, make_error_body(), headers={"retry-after": "4"}).reply(body={"data": []})

    assert len(client.embed("a", model="openai/text-embedding-3-small").attempts) == 2
    assert client.models() == ()
    assert clock.slept == [3.0, 4.0]
