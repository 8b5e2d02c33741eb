"""Both drivers run the flows of `All` in parallel, and end the others when one fails."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import math
import threading
import time

import pytest

from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import (
    MAX_PARALLEL_FLOWS,
    All,
    Close,
    Emit,
    First,
    Invoke,
    Open,
    Sleep,
    Wait,
)
from budwood.engine.drivers.latch import Latch
from budwood.errors import ProviderError
from budwood.transports.pooled import PooledTransport
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood.types import HTTPCall, TextDelta, Timing
from budwood_testing import FakeClock, ManualClock
from tests.core.engine.flows import (
    LONG,
    assert_no_threads_are_left,
    raise_error,
    return_value,
    run_all,
    wait_for_latch,
)
from tests.servers import WAIT_FOR_CLOSE, signal


def test_all_returns_results_in_order(driver):
    """
    Results are in the order of the flows, not in the order in which they end.
    """
    assert driver.run(run_all([return_value(number) for number in range(50)], 7)) == list(range(50))


def test_flows_of_all_sleep_by_the_clock(driver, clock):
    """
    Parallel flows sleep by the clock of the driver, as a single flow does.
    """

    def flow(seconds: float):
        yield Sleep(seconds)
        return seconds

    assert driver.run(run_all([flow(1.0), flow(2.0)])) == [1.0, 2.0]
    assert sorted(clock.slept) == [1.0, 2.0]


@pytest.mark.parametrize("count", [0, 1])
def test_all_of_no_or_one_flow(driver, count):
    """
    An empty list and a list of one flow are accepted.
    """
    assert driver.run(run_all([return_value("only")] * count)) == ["only"] * count


def test_all_runs_no_more_than_the_limit_at_once(driver):
    """
    With a limit of three, three flows run in parallel, and a fourth starts only after one has ended.
    """
    meeting = threading.Barrier(3)
    running = itertools.count()
    running_counts = []
    lock = threading.Lock()
    now = 0

    def work() -> None:
        nonlocal now
        with lock:
            now += 1
            running_counts.append(now)
        meeting.wait(60)
        with lock:
            now -= 1

    def flow():
        next(running)
        yield Invoke(work)

    driver.run(run_all((flow() for _ in range(9)), 3))

    assert max(running_counts) == 3
    assert next(running) == 9


def test_all_creates_flows_when_they_start(driver):
    """
    A generator of flows is not read ahead of the limit, so a million prompts use no memory.
    """
    running_counts = []
    ended = []

    def flow(number):
        yield from return_value(number)
        ended.append(number)

    def flows():
        for number in itertools.count():
            running_counts.append(number - len(ended))
            yield raise_error() if number == 4 else flow(number)

    with pytest.raises(ProviderError):
        driver.run(run_all(flows(), 2))

    assert max(running_counts) <= 1


def test_failing_flow_abandons_the_others(make_driver):
    """
    The first error of `All` is raised. The other flows end while they sleep, and perform their `finally` effects.
    """
    clock = ManualClock()
    cleaned = []

    def fail():
        yield Invoke(lambda: clock.wait_for_sleepers(1))
        raise ProviderError("failed")

    def wait_for_reply():
        try:
            yield Sleep(60.0)
            cleaned.append("was never abandoned")
        finally:
            cleaned.append((yield Invoke(lambda: "cleaned")))

    driver = make_driver(clock)
    with pytest.raises(ProviderError, match="failed"):
        driver.run(run_all([wait_for_reply(), fail()]))
    driver.close()

    assert cleaned == ["cleaned"]


def test_failing_flow_closes_the_connections_of_the_others(loopback_server):
    """
    When one flow fails, the server of another sees the end of its connection immediately.
    """
    call = HTTPCall(method="GET", url=loopback_server.url)
    timing = Timing(connect_timeout=LONG, idle_timeout=LONG, deadline=time.monotonic() + LONG)
    request_received = threading.Event()
    loopback_server.play(signal(request_received), WAIT_FOR_CLOSE)

    def wait_for_reply():
        exchange = yield Open(call, timing)
        yield Close(exchange)

    def fail():
        yield Invoke(lambda: request_received.wait(60))
        raise ProviderError("failed")

    blocking = PooledTransport()
    with pytest.raises(ProviderError, match="failed"):
        BlockingDriver(lambda: blocking, FakeClock()).run(run_all([wait_for_reply(), fail()]))
    assert loopback_server.closed_by_client.wait(60)
    assert_no_threads_are_left()
    blocking.close()

    loopback_server.closed_by_client.clear()
    request_received.clear()
    loopback_server.play(signal(request_received), WAIT_FOR_CLOSE)

    async def run() -> None:
        transport = AsyncPooledTransport()
        with pytest.raises(ProviderError, match="failed"):
            await AsyncDriver(lambda: transport, FakeClock()).run(run_all([wait_for_reply(), fail()]))
        assert await asyncio.to_thread(loopback_server.closed_by_client.wait, 60)
        await transport.close()

    asyncio.run(run())


def test_flows_of_all_have_the_context_of_the_caller(driver):
    """
    Context variables, which tracing uses, are those of the caller.
    """
    name = contextvars.ContextVar("name", default="unknown")

    def flow():
        return (yield Invoke(name.get))

    def run():
        name.set("caller")
        return driver.run(run_all([flow(), flow()]))

    assert contextvars.copy_context().run(run) == ["caller", "caller"]


def test_all_has_a_default_limit(driver):
    """
    Without a limit, 32 flows run at once, with both drivers.
    """
    latch = Latch()
    started = itertools.count(1)
    latch_states = []

    def flow():
        number = next(started)
        if number > MAX_PARALLEL_FLOWS:
            latch_states.append(latch.is_set)
        if number == MAX_PARALLEL_FLOWS:
            yield Invoke(latch.set)
        yield Wait(latch, math.inf)

    driver.run(run_all(flow() for _ in range(MAX_PARALLEL_FLOWS + 5)))

    assert MAX_PARALLEL_FLOWS == 32
    assert latch_states == [True] * 5


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("group", [All, First])
def test_flows_of_a_group_cannot_emit(driver, group, others):
    """
    `Emit` in a flow of a group is an error inside that flow, which can continue.
    """

    def emit():
        try:
            yield Emit([TextDelta("lost")])
        except RuntimeError as error:
            text = str(error)
        return (yield Invoke(lambda: text))

    def flow():
        return (yield group([emit(), *(wait_for_latch([], latch) for _ in range(others))]))

    latch = Latch()
    if group is All:
        latch.set()
    result = driver.run(flow())
    driver.close()

    assert "cannot emit events" in (result[0] if group is All else result)
