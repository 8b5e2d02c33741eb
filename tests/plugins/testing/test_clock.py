"""On the clocks of tests, time passes only when someone sleeps, or when the test says so."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from budwood_testing import FakeClock, ManualClock


@pytest.fixture
def start():
    """
    Call a function in a thread; the result is a future.
    """
    with ThreadPoolExecutor() as pool:
        yield pool.submit


def test_sleeping_takes_no_time():
    """
    A pause is noted, and over at once.
    """
    clock = FakeClock(start=10.0)

    clock.sleep(3.0)
    asyncio.run(clock.sleep_async(2.0))

    assert clock.slept == [3.0, 2.0]
    assert (clock.now, clock.monotonic(), clock.time()) == (15.0, 15.0, 1_700_000_015.0)


def test_waiting_ends_when_time_is_set_past_the_deadline(start):
    """
    Who waits is woken by a pause of someone else, by `advance`, and by setting `now`.
    """
    clock = ManualClock(start=0.0)
    passed = [lambda: FakeClock.sleep(clock, 5.0), lambda: clock.advance(5.0), lambda: setattr(clock, "now", 15.0)]
    for number, pass_time in enumerate(passed, 1):
        event = threading.Event()
        waiting = start(clock.wait, event, number * 5.0)
        clock.wait_for_sleepers(1)
        pass_time()
        waiting.result(60)
        assert clock.now == number * 5.0


def test_waiting_ends_with_what_is_waited_for(start):
    """
    An event, or a future, ends the waiting while no time passes.
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


def test_on_a_manual_clock_a_pause_lasts(start):
    """
    Sleepers, in threads and tasks, are woken in the moment in which their time is over, and no sooner.
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


def test_on_a_manual_clock_a_pause_can_be_ended(start):
    """
    A sleeper whose `wake` is set sleeps no more.
    """
    clock = ManualClock()
    wake = threading.Event()
    sleeping = start(lambda: clock.sleep(2.0, wake=wake))

    clock.wait_for_sleepers(1)
    wake.set()
    sleeping.result(60)

    assert clock.now == 1000.0
