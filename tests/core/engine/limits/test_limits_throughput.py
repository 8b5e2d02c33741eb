from __future__ import annotations

import asyncio
import random
import threading
import time

import pytest

from budwood import AsyncClient, Client
from budwood.engine.endpoints.shared_state import reset_all
from tests.rate_limited_server import (
    BURST,
    LimitedServer,
    LimitedVendor,
    SimulatedTransport,
    VirtualClock,
    run_simulated,
)

WORDS = (50, 400)


@pytest.fixture
def seconds(request):
    """
    The simulated seconds of a test: 20 minutes in the session ``throughput``.
    """
    return 1200 if request.config.getoption("--proof") == "deep" else 60


@pytest.fixture
def real_seconds(request):
    """
    The real seconds of a test: a minute in the session ``throughput``.
    """
    return 60 if request.config.getoption("--proof") == "deep" else 5


def make_settings(url="http://vendor.example", **limits):
    """
    Return the settings of a client of the vendor.
    """
    section = {"plugin": "openai-compatible", "base_url": f"{url}/v1", "api_key": "k"}
    return {"providers": {"vendor": {**section, **({"limits": limits} if limits else {})}}}


def simulate(vendor, seconds, *, workers=64, **limits):
    """
    Let workers ask a vendor for simulated seconds, and return the time at which they started.
    """

    async def main():
        clock, chance = VirtualClock(), random.Random(vendor.seed)
        start = clock.monotonic()
        transport = SimulatedTransport(vendor, clock)
        settings = make_settings(**limits)
        client = AsyncClient("vendor/m", settings=settings, transport=transport, clock=clock, cache=False, retries=9)

        async def work():
            while clock.monotonic() < start + seconds:
                await client.ask("word " * chance.randint(*WORDS), max_tokens=1000)

        async with client:
            await asyncio.gather(*(work() for _ in range(workers)))
        return start

    return run_simulated(main)


@pytest.mark.parametrize("has_headers", [True, False])
@pytest.mark.parametrize("tokens", [100_000, 600_000])
def test_tokens_are_used_up_and_not_exceeded(tokens, has_headers, seconds):
    """
    Clients use at least 95 % of a limit of tokens, and less than 2 % of their requests exceed it.
    """
    vendor = LimitedVendor(tokens_per_minute=tokens, has_headers=has_headers)

    start = simulate(vendor, seconds, tokens_per_minute=tokens)

    assert vendor.throughput(start + BURST, start + seconds) >= 0.95
    assert vendor.limited_share < 0.02


@pytest.mark.parametrize("requests", [60, 1200])
def test_requests_are_used_up_and_not_exceeded(requests, seconds):
    """
    The same holds for a limit of requests.
    """
    vendor = LimitedVendor(requests_per_minute=requests)

    start = simulate(vendor, seconds, workers=32, requests_per_minute=requests)

    assert vendor.request_rate(start + BURST, start + seconds) >= 0.95
    assert vendor.limited_share < 0.02


def test_slow_replies_do_not_change_that(seconds):
    """
    The same holds if hundreds of requests have no reply yet, and none has had one at the start.
    """
    vendor = LimitedVendor(tokens_per_minute=400_000, latency=(5, 20))

    start = simulate(vendor, 2 * seconds, workers=400, tokens_per_minute=400_000)

    assert vendor.throughput(start + BURST, start + 2 * seconds) >= 0.95
    assert vendor.limited_share < 0.02


def test_requests_larger_than_a_second_are_sent():
    """
    Requests that take more than a limit allows in a second are sent as often as it allows.
    """
    vendor = LimitedVendor(tokens_per_minute=10_000, outputs=(500, 1500))

    start = simulate(vendor, 600, workers=16, tokens_per_minute=10_000)

    assert vendor.throughput(start + BURST, start + 600) >= 0.95
    assert vendor.limited_share < 0.02


@pytest.mark.parametrize("limits", [{"tokens_per_minute": 400_000}, {"requests_per_minute": 1200}])
def test_random_rejections_cost_little(limits, seconds):
    """
    With 10 % rejections at random, clients reach at least 80 % of the rate without them.
    """
    without, vendor = LimitedVendor(**limits), LimitedVendor(**limits, reject=0.1)

    simulate(without, seconds, **limits)
    simulate(vendor, seconds, **limits)

    assert len(vendor.served) >= 0.8 * len(without.served)
    assert vendor.limited_share < 0.02


def ask_with_threads(seconds, workers, settings):
    """
    Let threads ask a vendor for some seconds, and return when they started.
    """
    with Client("vendor/m", settings=settings, cache=False, retries=9) as client:
        start = time.monotonic()

        def work(number):
            chance = random.Random(number)
            while time.monotonic() < start + seconds:
                client.ask("word " * chance.randint(*WORDS), max_tokens=1000)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return start


def ask_with_tasks(seconds, workers, settings):
    """
    Let tasks ask a vendor for some seconds, and return when they started.
    """

    async def main():
        async with AsyncClient("vendor/m", settings=settings, cache=False, retries=9) as client:
            start = time.monotonic()

            async def work(number):
                chance = random.Random(number)
                while time.monotonic() < start + seconds:
                    await client.ask("word " * chance.randint(*WORDS), max_tokens=1000)

            await asyncio.gather(*(work(number) for number in range(workers)))
            return start

    return asyncio.run(main())


@pytest.mark.parametrize("ask", [ask_with_threads, ask_with_tasks])
@pytest.mark.parametrize("reject", [0.0, 0.1])
def test_throughput_in_real_time(ask, reject, real_seconds):
    """
    What holds in simulated time holds with threads and tasks at a server, for a few seconds.

    A busy machine cannot use the limit, and requests that it delays arrive together, so only the session ``throughput``
    checks how much is used, and how many requests exceed the limit.
    """
    tokens = 600_000
    vendor = LimitedVendor(tokens_per_minute=tokens, reject=reject, latency=(0.05, 0.2))
    with LimitedServer(vendor) as server:
        reset_all()
        settings = make_settings(server.url, tokens_per_minute=tokens)
        start = ask(real_seconds, 16, settings)

    used = vendor.throughput(start + BURST, start + real_seconds)
    assert vendor.served
    assert used >= (0.95 if not reject else 0.8 * 0.95) or real_seconds < 60
    assert vendor.limited_share < 0.02 or real_seconds < 60
