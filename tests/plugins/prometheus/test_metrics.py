"""What is counted, and with which labels."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from prometheus_client import Counter

from budwood import AsyncClient
from budwood.errors import ServerError
from budwood.types import Attempt, AttemptFinished, BreakerChanged, CacheHit
from budwood_prometheus import PrometheusObserver
from budwood_prometheus.metrics import Series
from budwood_testing import chat_chunks, chat_reply, sse

OPENAI = {"provider": "openai", "model": "gpt-4o"}
REQUEST = {**OPENAI, "service": "chat", "label": ""}


def test_request_is_counted(registry, value, open_client, scripted):
    """
    A request has its outcome, its duration, its tokens and its cost.
    """
    scripted.reply(200, chat_reply("Hi"))

    reply = open_client(PrometheusObserver(registry)).ask("Hello")

    assert value("requests_total", **REQUEST, outcome="success", error="") == 1
    assert value("request_duration_seconds_count", **REQUEST, outcome="success") == 1
    assert value("attempts_total", **OPENAI, status="200", error="") == 1
    assert value("tokens_total", **OPENAI, kind="input") == reply.usage.input_tokens
    assert value("tokens_total", **OPENAI, kind="output") == reply.usage.output_tokens
    assert value("cost_dollars_total", **OPENAI) == pytest.approx(float(reply.cost))
    assert value("unknown_costs_total", **OPENAI) is None


def test_failures_and_retries_are_counted(registry, value, open_client, scripted):
    """
    A failed request has the class of its error, and each retry counts.
    """
    for _ in range(3):
        scripted.reply(500, {"error": {"message": "no"}})

    with pytest.raises(ServerError):
        open_client(PrometheusObserver(registry), retries=2).ask("Hello")

    assert value("requests_total", **REQUEST, outcome="error", error="ServerError") == 1
    assert value("attempts_total", **OPENAI, status="500", error="ServerError") == 3
    assert value("retries_total", **OPENAI, error="ServerError") == 2


def test_stream_has_the_time_to_its_first_token(registry, value, open_client, scripted):
    """
    A stream is measured to its first content; one that is left early is abandoned.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Hi", "!"])))

    with open_client(PrometheusObserver(registry)).stream("Hello") as stream:
        next(iter(stream))

    assert value("time_to_first_token_seconds_count", **OPENAI) == 1
    assert value("requests_total", **REQUEST, outcome="abandoned", error="other") == 1


def test_cache_hit_is_counted(registry, value, open_client, scripted):
    """
    A reply from the cache has no attempt and no tokens, and counts what it saved.
    """
    scripted.reply(200, chat_reply("Hi"))
    client = open_client(PrometheusObserver(registry), cache="memory")

    paid = client.ask("Hello")
    saved = client.ask("Hello").saved

    assert saved == paid.cost
    assert value("requests_total", **REQUEST, outcome="cached", error="") == 1
    assert value("cache_hits_total", **OPENAI) == 1
    assert value("saved_dollars_total", **OPENAI) == pytest.approx(float(saved))
    assert value("attempts_total", **OPENAI, status="200", error="") == 1
    assert value("tokens_total", **OPENAI, kind="input") == paid.usage.input_tokens


@pytest.mark.parametrize("not_sent", [{"cached": True}, {"skipped": "its breaker is open"}])
def test_attempt_that_was_not_sent_is_not_counted(registry, value, not_sent):
    """
    Replies from the cache and skipped endpoints are no attempts.
    """
    attempt = Attempt(**OPENAI, key=None, status=None, duration=0.0, **not_sent)

    PrometheusObserver(registry).observe(AttemptFinished(call="1", number=1, attempt=attempt))

    assert value("attempts_total", **OPENAI, status="", error="") is None
    assert value("unknown_costs_total", **OPENAI) is None


def test_state_of_breakers_is_a_gauge(registry, value):
    """
    The gauge of an endpoint is 1 while its breaker is open, and 0 after it has closed.
    """
    observer = PrometheusObserver(registry)
    event = {"call": "1", **OPENAI, "endpoint": "openai#2", "failures": 3, "next_probe": 1.0, "error": "ServerError"}

    observer.observe(BreakerChanged(**event, state="open"))
    opened = value("breaker_open", endpoint="openai#2")
    observer.observe(BreakerChanged(**event, state="closed"))

    assert (opened, value("breaker_open", endpoint="openai#2")) == (1, 0)


def test_breaker_and_failover_of_a_client_are_counted(registry, value, open_client, scripted):
    """
    An endpoint that fails opens its breaker, and the calls that go to its backup count as failovers.
    """
    for _ in range(20):
        scripted.reply(503, {"error": {"message": "down"}}).reply(200, chat_reply("Hi"))
    backups = [{"base_url": "https://second.example/v1"}]
    client = open_client(PrometheusObserver(registry), retries=0, backups=backups)

    for _ in range(20):
        if value("breaker_open", endpoint="openai") is None:
            client.ask("Hello")

    assert value("breaker_open", endpoint="openai") == 1
    failures = value("attempts_total", **OPENAI, status="503", error="CapacityError")
    assert value("failovers_total", endpoint="openai", error="CapacityError") == failures > 0


def test_labels_of_calls_are_off_by_default(registry, value, open_client, scripted):
    """
    Labels may have any number of values, so that they are counted only on request.
    """
    scripted.reply(200, chat_reply("Hi")).reply(200, chat_reply("Hi"))

    open_client(PrometheusObserver(registry)).ask("Hello", label="nightly")
    open_client(PrometheusObserver(registry, labels=True)).ask("Hello", label="nightly")

    assert value("requests_total", **REQUEST, outcome="success", error="") == 1
    assert value("requests_total", **{**REQUEST, "label": "nightly"}, outcome="success", error="") == 1


def test_number_of_models_is_bounded(registry, value):
    """
    Beyond `max_values`, models are counted as "other".
    """
    observer = PrometheusObserver(registry, max_values=2)

    for model in ("a", "b", "c", "d", "a"):
        observer.observe(CacheHit(call="1", provider="openai", model=model, saved=Decimal("0.5")))

    counts = {
        model: value("cache_hits_total", provider="openai", model=model) for model in ("a", "b", "c", "d", "other")
    }
    assert counts == {"a": 2, "b": 1, "c": None, "d": None, "other": 2}


def test_observers_of_several_clients_count_together(registry, value, open_client, scripted):
    """
    Metrics are registered once in a registry, whatever the number of observers.
    """
    scripted.reply(200, chat_reply("1")).reply(200, chat_reply("2"))

    for prompt in ("a", "b"):
        open_client(PrometheusObserver(registry)).ask(prompt)

    assert value("requests_total", **REQUEST, outcome="success", error="") == 2


def test_series_are_created_once(registry):
    """
    A series is that of the metric, and is looked up only once there.
    """
    looked_up = []

    class Watched(Counter):
        def labels(self, *values):
            looked_up.append(values)
            return super().labels(*values)

    watched = Watched("watched", "Counts.", ("model",), registry=registry)
    series = Series(watched)

    for _ in range(2):
        series["a",].inc()

    assert looked_up == [("a",)]
    assert registry.get_sample_value("watched_total", {"model": "a"}) == 2


def test_threads_lose_no_count(registry, value, open_client, scripted):
    """
    Calls of eight threads are all counted.
    """
    for _ in range(80):
        scripted.reply(200, chat_reply("Hi"))
    client = open_client(PrometheusObserver(registry))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client.ask, (str(number) for number in range(80))))

    assert value("requests_total", **REQUEST, outcome="success", error="") == 80
    assert value("attempts_total", **OPENAI, status="200", error="") == 80


def test_tasks_lose_no_count(registry, value, scripted, clock):
    """
    Calls of tasks are all counted, and a cancelled one is abandoned.
    """
    for _ in range(20):
        scripted.reply(200, chat_reply("Hi"))
    options = {"api_key": "sk-test-secret", "transport": scripted.asynchronous, "clock": clock, "cache": False}

    async def ask() -> None:
        async with AsyncClient("openai/gpt-4o", observers=[PrometheusObserver(registry)], **options) as client:
            await asyncio.gather(*(client.ask(str(number)) for number in range(20)))

    asyncio.run(ask())

    assert value("requests_total", **REQUEST, outcome="success", error="") == 20
