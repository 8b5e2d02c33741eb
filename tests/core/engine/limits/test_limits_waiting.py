"""Attempts that wait for limits at the same time as others."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading

import pytest

from budwood import AsyncClient, Client
from budwood.errors import RateLimitError
from budwood.types import AttemptQueued
from budwood_testing import FakeClock, ScriptedTransport, chat_chunks, chat_reply, sse
from tests.rate_limited_server import VirtualClock, run_simulated

SECRET = "sk-test-secret"


class Served(ScriptedTransport):
    """
    Answers each request after as many seconds as its prompt says, and records when it arrived.
    """

    def __init__(self, clock):
        super().__init__(clock=clock)
        self.arrivals = []

    def next_reply(self, call, timing):
        streamed = b'"stream":true' in call.body
        self.reply(chunks=sse(*chat_chunks(["Hel", "lo"])) if streamed else [json.dumps(chat_reply("hello")).encode()])
        reply = super().next_reply(call, timing)
        prompt = call.body.decode().partition('"content":"')[2].partition('"')[0].split()
        self.arrivals.append((prompt[0], self.clock.monotonic() - 1000.0))
        return dataclasses.replace(reply, delay=float(prompt[-1]))


def make_settings(**limits):
    """
    Return settings with limits.
    """
    return {"providers": {"openai": {"api_key": SECRET, "limits": limits}}}


def simulate(main, **limits):
    """
    Run a coroutine function with a client in simulated time, and return when requests arrived.
    """

    async def run():
        clock = VirtualClock()
        transport = Served(clock)
        settings = make_settings(**limits)
        async with AsyncClient(
            "openai/gpt-4o", settings=settings, transport=transport.asynchronous, clock=clock, cache=False
        ) as client:
            await main(client)
        return transport.arrivals

    return run_simulated(run)


def ask_all(*prompts, **options):
    """
    Return a coroutine function that asks all prompts at once, in order.
    """

    async def main(client):
        await asyncio.gather(*(client.ask(prompt, **options) for prompt in prompts))

    return main


def test_first_come_first_served():
    """
    Requests that wait for a place are sent in the order in which they came.
    """
    arrivals = simulate(ask_all("a 3", "b 2", "c 2", "d 2", "e 2"), concurrency=2)

    assert [name for name, _ in arrivals] == ["a", "b", "c", "d", "e"]
    assert [time for _, time in arrivals] == pytest.approx([0, 0, 2, 3, 4])


def test_small_requests_do_not_overtake_a_large_one():
    """
    A request for many tokens is not starved by those that came after it and would fit earlier.
    """
    large = "large " + "word " * 300 + "0"

    arrivals = simulate(ask_all("first 0", large, *["small 0"] * 5, max_tokens=5), tokens_per_minute=1200)

    assert [name for name, _ in arrivals] == ["first", "large", *["small"] * 5]


def test_cancelled_task_leaves_the_queue():
    """
    A task that is cancelled while it waits takes nothing, and the next one has its place.
    """

    async def main(client):
        first = asyncio.create_task(client.ask("a 5"))
        second = asyncio.create_task(client.ask("b 5"))
        third = asyncio.create_task(client.ask("c 5"))
        await asyncio.sleep(1)
        second.cancel()
        await asyncio.gather(first, third)
        with pytest.raises(asyncio.CancelledError):
            await second

    assert simulate(main, concurrency=1) == [("a", pytest.approx(0)), ("c", pytest.approx(5))]


def test_cancelled_request_gives_its_place_back():
    """
    A task that is cancelled while its request runs ends its concurrency.
    """

    async def main(client):
        first = asyncio.create_task(client.ask("a 1000"))
        second = asyncio.create_task(client.ask("b 1"))
        await asyncio.sleep(3)
        first.cancel()
        await second

    assert simulate(main, concurrency=1) == [("a", pytest.approx(0)), ("b", pytest.approx(3))]


def test_deadline_ends_the_wait_for_a_place():
    """
    If no place is free at the deadline, RateLimitError says so, and nothing was sent.
    """

    async def main(client):
        first = asyncio.create_task(client.ask("a 100"))
        await asyncio.sleep(0)
        started = asyncio.get_running_loop().time()
        with pytest.raises(
            RateLimitError, match=r"openai:concurrency.*1 attempts at a time.*Nothing was sent"
        ) as caught:
            await client.ask("b 1", timeout=7)
        assert asyncio.get_running_loop().time() - started == pytest.approx(7)
        assert (caught.value.retry_after, caught.value.retryable) == (None, False)
        assert caught.value.attempts[-1].queued == pytest.approx(7)
        await first

    assert [name for name, _ in simulate(main, concurrency=1)] == ["a"]


def test_stream_holds_its_place_until_its_end():
    """
    A place is free again when a stream ends, or is left.
    """

    async def main(client):
        async with client.stream("a 4") as stream:
            await anext(aiter(stream))
            waiting = asyncio.create_task(client.ask("b 0"))
            await asyncio.sleep(9)
        await waiting

    assert simulate(main, concurrency=1) == [("a", pytest.approx(0)), ("b", pytest.approx(13))]


@pytest.mark.parametrize(("concurrency", "names"), [(2, "ab"), (4, "abab")])
def test_hedge_takes_only_a_free_place(concurrency, names):
    """
    The second request of a hedge does not wait for a place: not even for one that becomes free later.
    """
    arrivals = simulate(ask_all("a 10", "b 4", hedge=2.0), concurrency=concurrency)

    assert "".join(name for name, _ in arrivals) == names


class Gate(ScriptedTransport):
    """
    Answers requests when it is opened.
    """

    def __init__(self):
        super().__init__(clock=FakeClock())
        self.opened = threading.Event()
        self.arrived = threading.Semaphore(0)

    def next_reply(self, call, timing):
        self.reply(body=chat_reply("hello"))
        reply = super().next_reply(call, timing)
        self.arrived.release()
        self.opened.wait()
        return reply


class QueuedObserver:
    """
    Records the attempts that wait.
    """

    def __init__(self):
        self.events = []
        self.queued = threading.Semaphore(0)

    def observe(self, event):
        if isinstance(event, AttemptQueued):
            self.events.append(event)
            self.queued.release()


def test_threads_wait_in_order():
    """
    Threads that wait for a place of a blocking client are served in order of arrival, and observers are told.
    """
    gate, observer, threads = Gate(), QueuedObserver(), []
    with Client(
        "openai/gpt-4o",
        settings=make_settings(concurrency=1),
        transport=gate,
        clock=gate.clock,
        cache=False,
        observers=[observer],
    ) as client:
        for number, name in enumerate("abcd"):
            threads.append(threading.Thread(target=client.ask, args=(f"{name} says",)))
            threads[-1].start()
            (observer.queued if number else gate.arrived).acquire()
        gate.opened.set()
        for thread in threads:
            thread.join()

    assert [call.body.partition(b" says")[0][-1:] for call in gate.calls] == [b"a", b"b", b"c", b"d"]
    assert {(event.provider, event.model, event.limit, event.delay) for event in observer.events} == {
        ("openai", "gpt-4o", "openai:concurrency", None)
    }


def test_next_day_a_request_that_waits_is_sent():
    """
    A request that waits for a quota per day is sent when the day begins.
    """
    arrivals = simulate(ask_all("a 0", "b 0", timeout=90_000), requests_per_day=1)

    assert arrivals[1][1] == pytest.approx(86_400 - (1_700_001_000 % 86_400))
