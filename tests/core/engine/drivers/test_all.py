"""Both drivers run flows side by side, bounded and in order, and end them all when one fails."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
import time

import pytest

from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import Close, Invoke, Open, Sleep
from budwood.errors import ProviderError
from budwood.transports.pooled import PooledTransport
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood.types import HTTPCall, Timing
from budwood_testing import FakeClock, ScriptedTransport
from tests.core.engine.drivers.awaiting import CALL, TIMING, Awaiting, gathering, value_of
from tests.servers import LEAVE, signal

LONG = 3600.0


def test_all_keeps_the_order(driver):
    """
    Results stand in the order of the flows, not in that of their ends.
    """
    assert driver.run(gathering([value_of(number) for number in range(50)], 7)) == list(range(50))


def test_pauses_of_all_are_the_clocks(driver, clock):
    """
    Flows side by side wait by the clock that the driver was given, as a flow alone does.
    """

    def flow(seconds: float):
        yield Sleep(seconds)
        return seconds

    assert driver.run(gathering([flow(1.0), flow(2.0)])) == [1.0, 2.0]
    assert sorted(clock.slept) == [1.0, 2.0]


@pytest.mark.parametrize("count", [0, 1])
def test_all_of_few(driver, count):
    """
    None and one are lists like any other.
    """
    assert driver.run(gathering([value_of("only")] * count)) == ["only"] * count


def test_all_runs_no_more_than_the_limit_at_once(driver):
    """
    With a limit of three, a fourth flow begins only after one has ended; and three do run side by side.
    """
    meeting = threading.Barrier(3)
    running = itertools.count()
    most = []
    lock = threading.Lock()
    now = 0

    def work() -> None:
        nonlocal now
        with lock:
            now += 1
            most.append(now)
        meeting.wait(60)
        with lock:
            now -= 1

    def flow():
        next(running)
        yield Invoke(work)

    driver.run(gathering((flow() for _ in range(9)), 3))

    assert max(most) == 3
    assert next(running) == 9


def test_all_makes_flows_only_when_they_begin(driver):
    """
    A generator of flows is not read ahead of the limit, so that a million prompts take no memory.
    """
    made = []

    def flows():
        for number in itertools.count():
            made.append(number)
            yield failing() if number == 4 else value_of(number)

    with pytest.raises(ProviderError):
        driver.run(gathering(flows(), 2))

    assert len(made) <= 7


def failing():
    """A flow that fails."""
    yield Invoke(lambda: None)
    raise ProviderError("failed")


def test_a_failing_flow_abandons_the_others(driver):
    """
    The first error of `All` is raised, and the other flows are ended where they stand, with their `finally` effects.
    """
    waiting = threading.Event()
    failed = threading.Event()
    cleaned = []

    def fails():
        yield Invoke(lambda: waiting.wait(60))
        failed.set()
        raise ProviderError("failed")

    def waits():
        try:
            yield Invoke(waiting.set)
            yield Invoke(lambda: failed.wait(60))
            for _ in range(1000):
                yield Sleep(60.0)
            cleaned.append("was never abandoned")
        finally:
            cleaned.append((yield Invoke(lambda: "cleaned")))

    driver_with_real_pauses = _with_real_pauses(driver)
    with pytest.raises(ProviderError, match="failed"):
        driver_with_real_pauses.run(gathering([waits(), fails()]))

    assert cleaned == ["cleaned"]


def _with_real_pauses(driver):
    """Give the driver a clock on which pauses last until someone ends them."""
    inner = driver._driver if isinstance(driver, Awaiting) else driver
    inner._clock = EndlessClock()
    return driver


class EndlessClock(FakeClock):
    """Pauses do not end by themselves."""

    def sleep(self, seconds: float, *, wake: threading.Event | None = None) -> None:
        (wake or threading.Event()).wait(LONG)

    async def sleep_async(self, seconds: float) -> None:
        await asyncio.Event().wait()


def test_a_failing_flow_closes_the_connections_of_the_others(loopback_server):
    """
    A flow that waits for a server when another one fails is gone for the server at once.
    """
    call = HTTPCall(method="GET", url=loopback_server.url)
    timing = Timing(connect_timeout=LONG, idle_timeout=LONG, deadline=time.monotonic() + LONG)
    asked = threading.Event()
    loopback_server.play(signal(asked), LEAVE)

    def waits():
        exchange = yield Open(call, timing)
        yield Close(exchange)

    def fails():
        yield Invoke(lambda: asked.wait(60))
        raise ProviderError("failed")

    blocking = PooledTransport()
    with pytest.raises(ProviderError, match="failed"):
        BlockingDriver(lambda: blocking, FakeClock()).run(gathering([waits(), fails()]))
    assert loopback_server.left.wait(60)
    assert not any(thread.name.startswith("budwood") and _busy(thread) for thread in threading.enumerate())
    blocking.close()

    loopback_server.left.clear()
    asked.clear()
    loopback_server.play(signal(asked), LEAVE)

    async def run() -> None:
        transport = AsyncPooledTransport()
        with pytest.raises(ProviderError, match="failed"):
            await AsyncDriver(lambda: transport, FakeClock()).run(gathering([waits(), fails()]))
        assert await asyncio.to_thread(loopback_server.left.wait, 60)
        await transport.close()

    asyncio.run(run())


def _busy(thread: threading.Thread) -> bool:
    """Tell whether a worker is still at work when it was told to end."""
    thread.join(60)
    return thread.is_alive()


def test_a_thread_that_misses_its_interrupt_is_interrupted_again(clock):
    """
    A flow that begins to wait only after the group was abandoned does not wait for ever.
    """
    begun, late, ended = threading.Event(), threading.Event(), threading.Event()
    interrupts = []

    class Transport(ScriptedTransport):
        def open(self, call, timing):
            begun.set()
            late.wait(60)  # it still connects, and has no socket to shut down
            ended.wait(60)
            raise ProviderError("interrupted")

        def interrupt(self, thread: int) -> None:
            interrupts.append(thread)
            late.set()
            if len(interrupts) > 1:
                ended.set()

    transport = Transport()

    def waits():
        yield Open(CALL, TIMING)

    def fails():
        yield Invoke(lambda: begun.wait(60))
        raise ProviderError("failed")

    with pytest.raises(ProviderError, match="failed"):
        BlockingDriver(lambda: transport, clock).run(gathering([waits(), fails()]))

    assert ended.is_set()


def test_threads_of_all_see_the_callers_context(driver):
    """
    Context variables, on which tracing rests, are those of the caller.
    """
    name = contextvars.ContextVar("name", default="nobody")

    def flow():
        return (yield Invoke(name.get))

    def run():
        name.set("caller")
        return driver.run(gathering([flow(), flow()]))

    assert contextvars.copy_context().run(run) == ["caller", "caller"]


def test_blocking_code_gets_a_thread_from_the_event_loop(clock, scripted):
    """
    The async driver runs a blocking function in a thread, an inline one on the loop, and awaits a coroutine.
    """

    async def awaited() -> int:
        return threading.get_ident()

    def flow():
        thread = yield Invoke(threading.get_ident)
        inline = yield Invoke(threading.get_ident, inline=True)
        coroutine = yield Invoke(awaited, awaitable=True)
        return thread, inline, coroutine

    thread, inline, coroutine = asyncio.run(AsyncDriver(lambda: scripted.asynchronous, clock).run(flow()))

    assert thread != threading.get_ident()
    assert inline == coroutine == threading.get_ident()
