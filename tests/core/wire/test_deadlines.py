"""Waits with deadlines, which share one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

import pytest

from budwood.wire.deadlines import Deadlines

T = TypeVar("T")


class SkippingLoop(asyncio.SelectorEventLoop):
    """
    An event loop whose clock can be advanced, and which records its timers.
    """

    def __init__(self):
        super().__init__()
        self.ahead = 0.0
        self.timers: list[asyncio.TimerHandle] = []

    def time(self):
        """
        Return the time by the clock of the loop.
        """
        return super().time() + self.ahead

    def call_at(self, when, callback, *args, context=None):
        """
        Record the timer.
        """
        self.timers.append(super().call_at(when, callback, *args, context=context))
        return self.timers[-1]


def run(coroutine: Coroutine[Any, Any, None]) -> SkippingLoop:
    """
    Run a coroutine in such a loop.
    """
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(coroutine)
        loop = runner.get_loop()
        assert isinstance(loop, SkippingLoop)
        return loop


def advance_clock(seconds: float) -> None:
    """
    Advance the clock of the running loop.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkippingLoop)
    loop.ahead += seconds


async def run_other_tasks(count: int = 5) -> None:
    """
    Let other tasks run.
    """
    for _ in range(count):
        await asyncio.sleep(0)


async def return_at_once() -> str:
    """
    Return without waiting.
    """
    return "there"


async def wait_with_deadline(deadlines: Deadlines, pending: Awaitable[T], seconds: float) -> T:
    """
    Await an object with a deadline of some seconds.
    """
    with deadlines.within(seconds):
        return await pending


def test_wait_returns_a_result_before_its_deadline():
    """
    The result of the awaited object is returned.
    """

    async def main() -> None:
        assert await wait_with_deadline(Deadlines(), return_at_once(), 1) == "there"

    run(main())


def test_wait_times_out():
    """
    A wait ends at its deadline, and the awaited object is cancelled.
    """

    async def main() -> None:
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(wait_with_deadline(Deadlines(), never, 60))
        await run_other_tasks()
        advance_clock(61)
        with pytest.raises(TimeoutError):
            await waiting
        assert never.cancelled()
        assert not waiting.cancelled()

    run(main())


def test_each_wait_has_its_own_deadline():
    """
    Several waits may together last longer than each of them, and need few timers.
    """

    async def main() -> None:
        deadlines = Deadlines()
        for _ in range(100):
            future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            waiting = asyncio.create_task(wait_with_deadline(deadlines, future, 60))
            await run_other_tasks()
            advance_clock(20)
            await run_other_tasks()
            future.set_result("there")
            assert await waiting == "there"

    assert len(run(main()).timers) < 60


def test_later_wait_may_be_shorter():
    """
    The nearer deadline applies, also if a timer for a later one is set.
    """

    async def main() -> None:
        deadlines = Deadlines()
        await wait_with_deadline(deadlines, return_at_once(), 60)
        waiting = asyncio.create_task(wait_with_deadline(deadlines, asyncio.Event().wait(), 5))
        await run_other_tasks()
        advance_clock(6)
        with pytest.raises(TimeoutError):
            await waiting

    run(main())


def test_each_task_has_its_own_deadline():
    """
    Of many waits, those whose deadline has passed end, whatever the order in which they started.
    """

    async def main() -> None:
        deadlines = Deadlines()
        order = [(place * 7) % 20 + 1 for place in range(20)]
        waiting = {
            seconds: asyncio.create_task(wait_with_deadline(deadlines, asyncio.Event().wait(), seconds))
            for seconds in order
        }
        await run_other_tasks()
        for seconds in sorted(order):
            advance_clock(1)
            await run_other_tasks()
            assert {end for end, task in waiting.items() if task.done()} == set(range(1, seconds + 1))
        results = await asyncio.gather(*waiting.values(), return_exceptions=True)
        assert {type(result) for result in results} == {TimeoutError}

    run(main())


def test_time_between_waits_does_not_count():
    """
    The time in which a program processes a part of a stream does not count.
    """

    async def main() -> None:
        deadlines = Deadlines()
        await wait_with_deadline(deadlines, return_at_once(), 60)
        advance_clock(1000)
        await run_other_tasks()
        assert await wait_with_deadline(deadlines, return_at_once(), 60) == "there"

    run(main())


def test_cancellation_is_not_a_timeout():
    """
    A task that is cancelled stays cancelled, also if the deadline passes at the same time.
    """

    async def main() -> None:
        for seconds in (0, 61):
            waiting = asyncio.create_task(wait_with_deadline(Deadlines(), asyncio.Event().wait(), 60))
            await run_other_tasks()
            advance_clock(seconds)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    run(main())


def test_task_continues_after_a_timeout():
    """
    A timeout leaves no cancellation behind that would end a later wait.
    """

    async def main() -> None:
        deadlines = Deadlines()

        async def wait_twice() -> str:
            with pytest.raises(TimeoutError):
                await wait_with_deadline(deadlines, asyncio.Event().wait(), 60)
            assert asyncio.current_task() is not None
            async with asyncio.timeout(1000):
                return await wait_with_deadline(deadlines, return_at_once(), 60)

        wait_task = asyncio.create_task(wait_twice())
        await run_other_tasks()
        advance_clock(61)
        assert await wait_task == "there"
        assert wait_task.cancelling() == 0

    run(main())


def test_stopping_cancels_the_timer():
    """
    A closed transport has no timers in the loop.
    """

    async def main() -> None:
        deadlines = Deadlines()
        await wait_with_deadline(deadlines, return_at_once(), 60)
        deadlines.stop()
        deadlines.stop()

    assert [timer.cancelled() for timer in run(main()).timers] == [True]
