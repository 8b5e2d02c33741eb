from __future__ import annotations

import pytest

from budwood import Client
from budwood.engine.limits.claims import PACE
from budwood.errors import BudwoodError, ConnectionFailedError, RateLimitError, RequestTimeoutError, ServerError
from budwood_testing import chat_chunks, chat_reply, sse

MINUTE = 60.0


@pytest.fixture
def make_limited(scripted, clock):
    """
    Return a function that creates a client with limits.
    """

    def make(model="openai/gpt-4o", *, model_limits=None, provider=None, **limits):
        section = {"api_key": "sk-test-secret", **(provider or {})}
        if limits:
            section["limits"] = limits
        if model_limits:
            section["model_limits"] = model_limits
        name = model.partition("/")[0]
        settings = {"providers": {name: section}}
        return Client(model, settings=settings, transport=scripted, clock=clock, cache=False)

    return make


def test_requests_are_spread_over_a_minute(make_limited, scripted, clock):
    """
    With 60 requests per minute, each one after the first is sent a second after the one before, with a margin.
    """
    for _ in range(4):
        scripted.reply(body=chat_reply("hello"))
    client, started = make_limited(requests_per_minute=60), clock.now

    replies = [client.ask("hi") for _ in range(4)]

    assert clock.now - started == pytest.approx(3 / PACE)
    assert [reply.attempts[0].queued for reply in replies] == pytest.approx([0.0, *[1 / PACE] * 3])


def test_no_wait_for_a_limit_that_has_room(make_limited, scripted, clock):
    """
    Requests that fit the limits are sent without a delay.
    """
    for _ in range(3):
        scripted.reply(body=chat_reply("hello"))
    client = make_limited(requests_per_minute=6000, tokens_per_minute=600_000, concurrency=1)

    replies = [client.ask("hi") for _ in range(3)]

    assert clock.slept == []
    assert [reply.attempts[0].queued for reply in replies] == [0.0] * 3


def test_waiting_does_not_count_as_duration(make_limited, scripted):
    """
    The time in the queue is not part of an attempt's duration, nor of its attempt_timeout.
    """
    scripted.reply(body=chat_reply("hello")).reply(body=chat_reply("hello"))
    client = make_limited(requests_per_minute=6)

    client.ask("hi", attempt_timeout=2)
    (attempt,) = client.ask("hi", attempt_timeout=2).attempts

    assert attempt.queued > 9
    assert attempt.duration == 0


def test_no_request_is_sent_if_the_limit_has_room_too_late(make_limited, scripted):
    """
    If the delay exceeds the timeout of the call, RateLimitError says when there is room, and how to cure it.
    """
    scripted.reply(body=chat_reply("hello"))
    client = make_limited(requests_per_minute=1)
    client.ask("hi")

    with pytest.raises(RateLimitError, match=r"openai:requests_per_minute.*timeout=") as caught:
        client.ask("hi", timeout=10)

    error = caught.value
    assert (error.provider, error.model, error.retryable) == ("openai", "gpt-4o", False)
    assert error.retry_after == pytest.approx(MINUTE / PACE)
    assert len(scripted.calls) == 1


def test_abandoned_reservation_blocks_no_one(make_limited, scripted, clock):
    """
    A call that gave up does not take from the limit, and does not keep its place in the queue.
    """
    scripted.reply(body=chat_reply("hello")).reply(body=chat_reply("hello"))
    client, started = make_limited(requests_per_minute=6), clock.now
    client.ask("hi")
    for _ in range(3):
        with pytest.raises(RateLimitError):
            client.ask("hi", timeout=1)

    client.ask("hi")

    assert clock.now - started == pytest.approx(10 / PACE)


def test_tokens_are_settled_with_the_usage_of_the_reply(make_limited, scripted, clock):
    """
    A reply that used more tokens than expected delays the next request until they are refilled.
    """
    scripted.reply(body=chat_reply("hello", usage={"prompt_tokens": 1000, "completion_tokens": 5000}))
    scripted.reply(body=chat_reply("hello"))
    client = make_limited(tokens_per_minute=6000)
    client.ask("hi", max_tokens=10)

    (attempt,) = client.ask("hi", max_tokens=10).attempts

    assert attempt.queued == pytest.approx(MINUTE / PACE, rel=0.02)


def test_output_is_expected_as_replies_were_before(make_limited, scripted, clock):
    """
    The expected output is the average of the model's replies, at most max_tokens.
    """
    for _ in range(3):
        scripted.reply(body=chat_reply("hello", usage={"prompt_tokens": 10, "completion_tokens": 90}))
    client = make_limited(tokens_per_minute=6000)

    client.ask("hi")
    client.ask("hi")
    queued = client.ask("hi").attempts[0].queued

    assert queued == pytest.approx(1 / PACE, rel=0.05)


@pytest.mark.parametrize(
    ("fail", "kind"),
    [
        (ConnectionFailedError("No connection."), ConnectionFailedError),
        (RequestTimeoutError("No connection.", phase="connect"), RequestTimeoutError),
    ],
)
def test_request_that_was_not_sent_takes_nothing(make_limited, scripted, clock, fail, kind):
    """
    If the server cannot be reached, the next request need not wait.
    """
    if isinstance(fail, ConnectionFailedError):
        fail.is_unsent = True
    scripted.fail(fail).reply(body=chat_reply("hello"))
    client = make_limited(requests_per_minute=1, tokens_per_minute=1000)
    with pytest.raises(kind):
        client.ask("hi", retries=0)

    client.ask("hi", timeout=5)

    assert clock.slept == []


def test_request_that_may_have_been_sent_is_counted(make_limited, scripted):
    """
    If a connection is lost, the server may have counted the request.
    """
    scripted.fail(ConnectionFailedError("The connection was lost."))
    client = make_limited(requests_per_minute=1)
    with pytest.raises(ConnectionFailedError):
        client.ask("hi", retries=0)

    with pytest.raises(RateLimitError, match="Nothing was sent"):
        client.ask("hi", timeout=5)


def test_no_place_is_held_during_the_delay_of_a_retry(make_limited, scripted):
    """
    While a request waits for its retry, its place is free.
    """
    scripted.reply(503, {"error": {"message": "Overloaded."}}, headers={"retry-after": "7"})
    scripted.reply(body=chat_reply("hello"))

    reply = make_limited(concurrency=1).ask("hi")

    assert [attempt.status for attempt in reply.attempts] == [503, 200]


def test_abandoned_stream_keeps_its_reservation(make_limited, scripted):
    """
    A stream settles at its end; one that is abandoned counts as expected.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hel", "lo"])))
    scripted.reply(body=chat_reply("hello"))
    client = make_limited(tokens_per_minute=6000, concurrency=1)
    with client.stream("hi", max_tokens=300) as stream:
        next(iter(stream))

    (attempt,) = client.ask("hi", max_tokens=10).attempts

    assert attempt.queued == pytest.approx((300 - 100 + 30) / (100 * PACE), rel=0.05)  # less the first capacity


def test_limits_of_a_model_apply_to_that_model(make_limited, scripted, clock):
    """
    A pattern limits each matching model for itself, in any case of letters; an exact name takes precedence.
    """
    for _ in range(5):
        scripted.reply(body=chat_reply("hello"))
    client = make_limited(
        model_limits={
            "GPT-4*": {"requests_per_minute": 1},
            "gpt-4o-mini": {"requests_per_minute": 100_000},
        }
    )

    client.ask("hi")
    client.ask("hi", model="openai/gpt-4.1")
    client.ask("hi", model="openai/gpt-4o-mini")
    client.ask("hi", model="openai/gpt-4o-mini")
    client.ask("hi", model="openai/o3")
    assert clock.slept == []
    with pytest.raises(RateLimitError, match="openai/gpt-4o:requests_per_minute"):
        client.ask("hi", model="openai/GPT-4o", timeout=1)


def test_day_ends_at_midnight_of_the_time_zone(make_limited, scripted, clock):
    """
    A quota per day is counted from zero again when the day begins in its time zone.
    """
    clock.now = 1_000_000.0  # 1_701_000_000 is 2023-11-26, 12:00 UTC
    scripted.reply(body=chat_reply("hello"))
    client = make_limited(requests_per_day=1, timezone="America/New_York")
    client.ask("hi")

    with pytest.raises(RateLimitError, match="openai:requests_per_day") as caught:
        client.ask("hi")

    assert caught.value.retry_after == pytest.approx(17 * 3600)


def test_attempt_after_an_error_of_the_server_is_limited_too(make_limited, scripted, clock):
    """
    Each attempt is counted, also a retry.
    """
    scripted.reply(500, {"error": {"message": "No."}}, headers={"retry-after": "0"}).reply(body=chat_reply("hello"))

    reply = make_limited(requests_per_minute=6).ask("hi")

    assert [attempt.queued for attempt in reply.attempts] == pytest.approx([0.0, 10 / PACE])
    assert reply.attempts[0].error == ServerError.__name__


def test_quota_per_day_counts_real_tokens(make_limited, scripted):
    """
    Whatever was expected of a first reply, the tokens of a day are those that were used.
    """
    for _ in range(4):
        scripted.reply(body=chat_reply("hello", usage={"prompt_tokens": 5, "completion_tokens": 5}))
    client = make_limited(tokens_per_day=340)

    replies = [client.ask("hi") for _ in range(4)]

    assert [reply.attempts[0].queued for reply in replies] == [0.0] * 4


def test_request_larger_than_a_quota_does_not_wait(make_limited, scripted, clock):
    """
    It would never fit, so the error comes at once, and says so.
    """
    client = make_limited(tokens_per_day=5)

    with pytest.raises(RateLimitError, match="alone") as caught:
        client.ask("Hi", max_tokens=100, timeout=1_000_000)

    assert caught.value.retry_after is None
    assert clock.slept == []
    assert scripted.calls == []


class RecordingLimiter:
    """
    A limiter that grants everything, and records it.
    """

    def __init__(self):
        self.calls = []

    def reserve(self, ticket, claims):
        self.calls.append(("reserve", [claim.key for claim in claims]))

    def settle(self, ticket, claims, amounts):
        self.calls.append(("settle", [claim.key for claim in claims]))

    def cancel(self, ticket, claims):
        self.calls.append(("cancel", []))

    def correct(self, claim, remaining, delay):
        self.calls.append(("correct", claim.key))

    def close(self):
        self.calls.append(("close", []))


def test_limiter_can_be_passed():
    """
    It counts the limits of the client, and is closed by its owner.
    """
    limiter = RecordingLimiter()
    settings = {"providers": {"offline": {"limits": {"requests_per_minute": 10}}}}

    with Client("offline/extractive", settings=settings, limiter=limiter) as client:
        client.ask("What is grafted? A shoot is grafted onto a rootstock.")

    assert limiter.calls == [(call, ["offline:requests_per_minute"]) for call in ("reserve", "settle")]


@pytest.mark.parametrize(
    ("limiter", "message"), [("nope", "nope"), (5, "must be a name or a Limiter"), (object(), "must be")]
)
def test_wrong_limiter_is_reported_at_construction(limiter, message):
    """
    Also without limits, so that a mistake is not found later.
    """
    with pytest.raises(BudwoodError, match=message):
        Client("offline/extractive", limiter=limiter)


def test_wrong_limiter_in_the_settings_is_reported_at_construction():
    """
    With its name.
    """
    with pytest.raises(BudwoodError, match="redes"):
        Client("offline/extractive", settings={"limiter": "redes"})
