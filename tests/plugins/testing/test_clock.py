"""Clocks for tests."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from budwood_testing import FakeClock, ManualClock


@pytest.fixture
def start():
    """
    Run a function in a thread, and return a future.
    """
    with ThreadPoolExecutor() as pool:
        yield pool.submit


def test_sleep_returns_immediately():
    """
    A sleep is recorded, advances the time, and returns immediately.
    """
    clock = FakeClock(start=10.0)

    clock.sleep(3.0)
    asyncio.run(clock.sleep_async(2.0))

    assert clock.slept == [3.0, 2.0]
    assert (clock.now, clock.monotonic(), clock.time()) == (15.0, 15.0, 1_700_000_015.0)


def test_wait_ends_when_the_time_reaches_the_deadline(start):
    """
    A wait ends when another thread sleeps, when `advance` is called, and when `now` is set.
    """
    clock = ManualClock(start=0.0)
    ways = [lambda: FakeClock.sleep(clock, 5.0), lambda: clock.advance(5.0), lambda: setattr(clock, "now", 15.0)]
    for number, pass_time in enumerate(ways, 1):
        event = threading.Event()
        waiting = start(clock.wait, event, number * 5.0)
        clock.wait_for_sleepers(1)
        pass_time()
        waiting.result(60)
        assert clock.now == number * 5.0


def test_wait_ends_with_its_event(start):
    """
    Setting the event or the future ends a wait without advancing the time.
    """
    clock = ManualClock(start=0.0)
    event = threading.Event()
    waiting = start(clock.wait, event, 5.0)
    clock.wait_for_sleepers(1)
    event.set()
    waiting.result(60)

    async def wait():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(clock.wait_async(future, 5.0))
        await asyncio.sleep(0)
        future.set_result(None)
        await task

    asyncio.run(wait())
    clock.wait_for_sleepers(0)
    assert clock.now == 0.0


def test_manual_clock_blocks_sleepers(start):
    """
    On a manual clock, threads and tasks sleep until the time was advanced far enough.
    """
    clock = ManualClock(start=0.0)
    sleeping = [start(clock.sleep, 2.0), start(lambda: asyncio.run(clock.sleep_async(4.0)))]

    clock.wait_for_sleepers(2)
    clock.advance(2.0)
    sleeping[0].result(60)
    assert not sleeping[1].done()
    clock.wait_for_sleepers(1)
    clock.advance(2.0)
    sleeping[1].result(60)

    assert sorted(clock.slept) == [2.0, 4.0]


def test_sleep_on_a_manual_clock_can_be_ended(start):
    """
    Setting `wake` ends a sleep.
    """
    clock = ManualClock()
    wake = threading.Event()
    sleeping = start(lambda: clock.sleep(2.0, wake=wake))

    clock.wait_for_sleepers(1)
    wake.set()
    sleeping.result(60)

    assert clock.now == 1000.0
