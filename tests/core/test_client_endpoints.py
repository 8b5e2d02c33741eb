"""What clients know about endpoints: `Client.endpoints`, breakers reported to observers, and the budget of retries."""

from __future__ import annotations

import asyncio
import json
import math

import pytest
import structlog
from structlog.testing import capture_logs

from budwood import AsyncClient, Client, EndpointState, logs
from budwood.engine.limits.adaptive import AdaptiveLimit
from budwood.errors import CapacityError, RateLimitError, RequestTimeoutError, ServerError
from budwood.types import BreakerChanged
from budwood_testing import ScriptedReply, chat_chunks, chat_reply, reset_endpoints, sse

TROUBLE = {"error": {"message": "No.", "type": None, "param": None, "code": None}}
BACKUPS = [{"base_url": "https://user:pass-word@second.example/v1"}, {"base_url": "https://third.example"}]


class Breakers:
    """
    Stores the changes of circuit breakers.
    """

    def __init__(self):
        self.events = []

    def observe(self, event):
        if isinstance(event, BreakerChanged):
            self.events.append(event)


def fail(client, scripted, times=3, status=500):
    """
    Let calls fail.
    """
    for _ in range(times):
        scripted.reply(status, TROUBLE)
        with pytest.raises((ServerError, CapacityError)):
            client.ask("hi", retries=0)


# States.


def test_configured_endpoints_are_listed_before_they_are_used(make_client, scripted):
    """
    They are those of the model and of its fallbacks, each with its backups. Nothing is sent.
    """
    key = {"api_key": "sk-test-secret"}
    settings = {"providers": {"openai": {"backups": BACKUPS, **key}, "groq": key}}

    with make_client(api_key=None, settings=settings, fallbacks=["groq/llama"]) as client:
        states = client.endpoints()

    assert [(state.name, state.provider, state.state) for state in states] == [
        ("openai", "openai", "closed"),
        ("openai#2", "openai", "closed"),
        ("openai#3", "openai", "closed"),
        ("groq", "groq", "closed"),
    ]
    assert scripted.calls == []


def test_states_contain_no_secrets(make_client):
    """
    User and password of an address are removed.
    """
    settings = {"providers": {"openai": {"backups": BACKUPS, "api_key": "sk-test-secret"}}}

    with make_client(api_key=None, settings=settings) as client:
        states = client.endpoints()

    assert [state.url for state in states] == [
        "https://api.openai.com/v1", "https://second.example/v1", "https://third.example"
    ]  # fmt: skip
    assert not any(secret in repr(states) for secret in ("sk-", "user", "pass-word"))


def test_a_model_inside_the_process_has_no_address():
    """
    It is listed as well.
    """
    with Client("offline/extract") as client:
        (state,) = client.endpoints()

    assert (state.name, state.url) == ("offline", None)


def test_a_client_without_a_model_lists_what_it_used(make_client, scripted):
    """
    Before its first call there is nothing.
    """
    with make_client(None, api_key=None, settings={"providers": {"openai": {"api_key": "sk-secret"}}}) as client:
        assert client.endpoints() == []
        scripted.reply(body=chat_reply())
        client.ask("hi", model="openai/gpt-4o")

        assert [state.name for state in client.endpoints()] == ["openai"]


def test_states_follow_calls(client, scripted, clock):
    """
    They have the numbers of the last minute, the failures in a row, latencies, and when the endpoint is probed.
    """

    def answer_slowly(call):
        clock.advance(2.0)
        assert [state.in_flight for state in client.endpoints()] == [1]
        return ScriptedReply(200, {}, (json.dumps(chat_reply()).encode(),))

    scripted.answer(answer_slowly)
    client.ask("hi")
    fail(client, scripted)

    (state,) = client.endpoints()

    assert isinstance(state, EndpointState)
    assert (state.state, state.calls, state.failures, state.consecutive_failures) == ("open", 4, 3, 3)
    assert (state.in_flight, state.latency, state.last_error) == (0, 2.0, "ServerError")
    assert 2.0 <= state.next_probe <= 2.4
    clock.advance(62)
    (state,) = client.endpoints()
    assert (state.calls, state.failures, state.next_probe) == (0, 0, 0.0)


def test_states_of_async_clients(async_client, scripted, clock):
    """
    They are the same; streams add the time to their first content.
    """
    scripted.reply(chunks=sse(*chat_chunks(["hel", "lo"])))

    async def read():
        async with async_client, async_client.stream("hi") as stream:
            async for _ in stream:
                pass

    asyncio.run(read())

    (state,) = async_client.endpoints()
    assert (state.calls, state.failures, state.first_token, state.latency) == (1, 0, 0.0, None)


def test_states_have_the_limit_after_an_overload(client):
    """
    It is None before, and shows how many attempts may run at a time afterwards.
    """
    assert client.endpoints()[0].concurrency is None

    health = client._engine.endpoints.get("openai").health
    health.adaptive = AdaptiveLimit(health.running, 7, 0.0)

    assert client.endpoints()[0].concurrency == 7


def test_clients_with_equal_settings_share_the_state(make_client, scripted):
    """
    Those with another key or address do not.
    """
    with make_client() as first, make_client() as second, make_client(base_url="https://other.example") as other:
        fail(first, scripted)

        assert [client.endpoints()[0].state for client in (first, second, other)] == ["open", "open", "closed"]


def test_the_state_can_be_reset(make_client, scripted):
    """
    Clients that exist know nothing afterwards.
    """
    with make_client() as client:
        fail(client, scripted)
        reset_endpoints()

        (state,) = client.endpoints()

    assert (state.state, state.calls, state.last_error) == ("closed", 0, None)


def test_clients_of_a_process_share_the_state(loopback_server):
    """
    Clients of both kinds without an own transport do, as long as the tests do not reset it.
    """
    arguments = {"base_url": loopback_server.url, "api_key": "sk-test-secret"}
    with Client("openai/m", **arguments) as client:
        client._engine.endpoints.get("openai").health.fail(ServerError("No."), 0.0, 0.0, client._engine.random)
        other = AsyncClient("openai/m", **arguments)

        assert other.endpoints()[0].last_error == "ServerError"
        reset_endpoints()
        assert other.endpoints()[0].last_error is None


# Observers.


def test_changes_of_breakers_are_observed(make_client, scripted, clock):
    """
    A breaker that opens, opens again after a failed probe, and closes, is reported with its rest and its failures.
    """
    breakers = Breakers()
    with make_client(observers=[breakers]) as client:
        fail(client, scripted)
        clock.advance(3.0)
        fail(client, scripted, times=1, status=503)
        scripted.reply(body=chat_reply())
        client.ask("hi")
        client_id = breakers.events[0].call

    opened, again, closed = breakers.events
    assert (opened.endpoint, opened.state, opened.failures, opened.error) == ("openai", "open", 3, "ServerError")
    assert 2.0 <= opened.next_probe <= 2.4
    assert (again.state, again.failures, again.error) == ("open", 4, "CapacityError")
    assert 4.0 <= again.next_probe <= 4.8
    assert (closed.state, closed.failures, closed.next_probe, closed.error) == ("closed", 0, None, None)
    assert client_id != closed.call


def test_a_stream_closes_the_breaker_at_its_first_content(make_client, scripted, clock):
    """
    Its probe may last much longer.
    """
    breakers = Breakers()
    with make_client(observers=[breakers]) as client:
        fail(client, scripted)
        scripted.reply(chunks=sse(*chat_chunks(["hel", "lo"])))
        with client.stream("hi") as stream:
            next(iter(stream))

            assert [event.state for event in breakers.events] == ["open", "closed"]


def test_a_rejected_request_closes_the_breaker(make_client, scripted, clock):
    """
    An endpoint that limits the account works.
    """
    breakers = Breakers()
    with make_client(observers=[breakers]) as client:
        fail(client, scripted)
        scripted.reply(429, TROUBLE)
        with pytest.raises(RateLimitError):
            client.ask("hi", retries=0)

    assert [event.state for event in breakers.events] == ["open", "closed"]


def test_a_hanging_endpoint_rests(make_client, scripted, clock):
    """
    If it never answers, calls end at their deadline. After three of them the backup is asked.
    """
    scripted.clock = clock
    settings = {"providers": {"openai": {"backups": BACKUPS[:1], "api_key": "sk-test-secret"}}}
    with make_client(api_key=None, settings=settings, timeout=30) as client:
        for _ in range(3):
            scripted.reply(delay=math.inf)
            with pytest.raises(RequestTimeoutError):
                client.ask("hi")
        scripted.reply(body=chat_reply())

        assert [attempt.endpoint for attempt in client.ask("hi").attempts] == ["openai", "openai#2"]
        assert [state.state for state in client.endpoints()] == ["open", "closed"]


def test_changes_of_breakers_are_logged(client, scripted):
    """
    There is one line for each, without content.
    """
    logs.configure_logging()
    try:
        with capture_logs() as written:
            fail(client, scripted)
            scripted.reply(body=chat_reply())
            client.ask("hi")
    finally:
        structlog.reset_defaults()

    changes = [line for line in written if line["event"].startswith("breaker")]
    assert [(line["event"], line["log_level"]) for line in changes] == [
        ("breaker opened", "warning"), ("breaker closed", "info")
    ]  # fmt: skip
    assert changes[0]["endpoint"] == "openai"


# The budget of retries.


def test_retries_are_limited_in_a_long_failure(client, scripted, clock):
    """
    Ten, and a fifth of the calls, are sent again within a minute. Then the error says why it was not retried.
    """
    for _ in range(200):
        scripted.reply(500, TROUBLE)
    for _ in range(100):
        with pytest.raises(ServerError) as caught:
            client.ask("hi", retries=2)
        clock.now = 1000.0  # the time before its retries

    assert len(scripted.calls) == 100 + 10 + 20
    assert "too many requests to openai were retried in the last minute" in caught.value.__notes__[0]
    assert "Retry later." in str(caught.value)


def test_rate_limits_are_retried_without_a_budget(client, scripted):
    """
    The vendor says how many requests it accepts.
    """
    for _ in range(30):
        for _ in range(3):
            scripted.reply(429, TROUBLE, headers={"retry-after": "0"})
        with pytest.raises(RateLimitError) as caught:
            client.ask("hi", retries=2)

    assert len(scripted.calls) == 90
    assert "were retried" not in str(caught.value)
