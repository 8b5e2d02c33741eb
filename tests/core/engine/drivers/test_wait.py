"""`Wait` ends when its latch is set, from any thread or loop, or when its deadline has passed."""

from __future__ import annotations

import asyncio
import math
import threading

import pytest

from budwood.clock import SystemClock
from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import Sleep, Wait
from budwood.engine.drivers.latch import Latch
from budwood_testing import ManualClock, ScriptedTransport
from tests.core.engine.flows import run_all


def wait_for(latch: Latch, deadline: float = math.inf):
    """A flow that waits for a latch."""
    return (yield Wait(latch, deadline))


def test_wait_for_a_set_latch_returns_immediately(driver):
    """
    `Wait` is true, also after its deadline, without using the clock.
    """
    latch = Latch()
    latch.set("value")

    assert driver.run(wait_for(latch)) is True
    assert driver.run(wait_for(latch, 0.0)) is True
    assert latch.value == "value"


def test_latch_keeps_its_first_value():
    """
    Setting it again changes nothing, and wakes no waiter a second time.
    """
    latch = Latch()
    woken = []
    latch.add_waker(lambda: woken.append("before"))
    latch.set(1)
    latch.set(2)
    latch.add_waker(lambda: woken.append("after"))

    assert (latch.is_set, latch.value, woken) == (True, 1, ["before", "after"])


def test_wakers_are_called_in_order_of_arrival():
    """
    The first waiter is woken first, and a removed one is not woken.
    """
    latch = Latch()
    woken = []
    wakers = [lambda number=number: woken.append(number) for number in range(5)]
    for waker in wakers:
        latch.add_waker(waker)
    latch.remove_waker(wakers[2])
    latch.remove_waker(wakers[2])
    latch.set()

    assert woken == [0, 1, 3, 4]


def test_latch_wakes_all_waiters(make_driver, start):
    """
    Another thread sets it, and all waiters continue.
    """
    clock = ManualClock()
    latch = Latch()
    driver = make_driver(clock)

    waiters = start(driver.run, run_all([wait_for(latch) for _ in range(32)]))
    clock.wait_for_sleepers(32)
    latch.set()

    assert waiters.result(60) == [True] * 32


def test_deadline_ends_the_wait(make_driver, start):
    """
    `Wait` is false once the clock has passed the deadline, and not before.
    """
    clock = ManualClock()
    driver = make_driver(clock)

    waiters = start(driver.run, wait_for(Latch(), clock.now + 5.0))
    clock.wait_for_sleepers(1)
    clock.advance(4.0)
    clock.wait_for_sleepers(1)
    clock.advance(1.0)

    assert waiters.result(60) is False


def test_past_deadline_ends_the_wait_immediately(driver, clock):
    """
    `Wait` is false.
    """
    assert driver.run(wait_for(Latch(), clock.now)) is False


def test_deadline_passes_while_others_sleep(driver, clock):
    """
    On a clock on which sleeping takes no time, a deadline passes when others sleep past it.
    """

    def sleep():
        yield Sleep(10.0)

    assert driver.run(run_all([wait_for(Latch(), clock.now + 10.0), sleep()])) == [False, None]


def test_system_clock_ends_the_wait(make_driver):
    """
    With real time, a deadline in the past or the near future gives false, and an infinite one is accepted.
    """
    clock = SystemClock()
    latch = Latch()
    driver = make_driver(clock)

    assert driver.run(wait_for(latch, 0.0)) is False
    assert driver.run(wait_for(latch, clock.monotonic() + 0.001)) is False

    thread = threading.Timer(0.0, latch.set)
    thread.start()
    assert driver.run(wait_for(latch)) is True
    thread.join()


def test_latch_wakes_tasks_of_all_event_loops(start):
    """
    It wakes threads as well.
    """
    clock = ManualClock()
    latch = Latch()
    transport = ScriptedTransport()

    def run_on_loop():
        return asyncio.run(AsyncDriver(lambda: transport.asynchronous, clock).run(wait_for(latch)))

    waiters = [start(run_on_loop) for _ in range(3)]
    waiters.append(start(BlockingDriver(lambda: transport, clock).run, wait_for(latch)))
    clock.wait_for_sleepers(4)
    latch.set()

    assert [waiter.result(60) for waiter in waiters] == [True] * 4


def test_cancelled_task_is_removed_from_the_latch(clock):
    """
    The other waiters are woken as before.
    """
    latch = Latch()

    async def run():
        driver = AsyncDriver(lambda: ScriptedTransport().asynchronous, clock)
        cancelled, woken = (asyncio.create_task(driver.run(wait_for(latch))) for _ in range(2))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert len(latch._wakers) == 1
        latch.set()
        return await woken

    assert asyncio.run(run()) is True
    assert not latch._wakers


def test_closed_event_loop_is_not_woken(clock):
    """
    Setting a latch for which a task of a closed loop waited is no error.
    """
    latch = Latch()
    driver = AsyncDriver(lambda: ScriptedTransport().asynchronous, clock)
    loop = asyncio.new_event_loop()
    task = loop.create_task(driver.run(wait_for(latch)))
    loop.run_until_complete(asyncio.sleep(0))
    wakers = list(latch._wakers)
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    loop.close()

    for waker in wakers:
        latch.add_waker(waker)
    latch.set()

    assert latch.is_set
