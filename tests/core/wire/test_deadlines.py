"""Waits that are bounded by one timer for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

import pytest

from budwood.wire.deadlines import Deadlines

T = TypeVar("T")


class HurriedLoop(asyncio.SelectorEventLoop):
    """
    An event loop whose clock can be put forward, and which keeps its timers.
    """

    def __init__(self):
        super().__init__()
        self.ahead = 0.0
        self.timers: list[asyncio.TimerHandle] = []

    def time(self):
        """
        Return the moment, by the clock of the loop.
        """
        return super().time() + self.ahead

    def call_at(self, when, callback, *args, context=None):
        """
        Keep the timer.
        """
        self.timers.append(super().call_at(when, callback, *args, context=context))
        return self.timers[-1]


def run(making: Coroutine[Any, Any, None]) -> HurriedLoop:
    """
    Run a coroutine in a loop of the kind above.
    """
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        runner.run(making)
        loop = runner.get_loop()
        assert isinstance(loop, HurriedLoop)
        return loop


def pass_time(seconds: float) -> None:
    """
    Put the clock of the running loop forward.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HurriedLoop)
    loop.ahead += seconds


async def turns(count: int = 5) -> None:
    """
    Let the others go on.
    """
    for _ in range(count):
        await asyncio.sleep(0)


async def value() -> str:
    """
    Be there at once.
    """
    return "there"


async def waited(deadlines: Deadlines, pending: Awaitable[T], seconds: float) -> T:
    """
    Wait, for so many seconds at most.
    """
    with deadlines.within(seconds):
        return await pending


def test_what_comes_in_time_is_handed_on():
    """
    A wait gives what it waited for.
    """

    async def main() -> None:
        assert await waited(Deadlines(), value(), 1) == "there"

    run(main())


def test_what_never_comes_is_a_timeout():
    """
    A wait ends after its seconds, and what was waited for is cancelled.
    """

    async def main() -> None:
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(waited(Deadlines(), never, 60))
        await turns()
        pass_time(61)
        with pytest.raises(TimeoutError):
            await waiting
        assert never.cancelled()
        assert not waiting.cancelled()

    run(main())


def test_each_wait_has_its_own_time():
    """
    Many waits that are each in time may last longer together than one of them may, and need few timers.
    """

    async def main() -> None:
        deadlines = Deadlines()
        for _ in range(100):
            coming: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            waiting = asyncio.create_task(waited(deadlines, coming, 60))
            await turns()
            pass_time(20)
            await turns()
            coming.set_result("there")
            assert await waiting == "there"

    assert len(run(main()).timers) < 60


def test_a_later_wait_may_be_shorter():
    """
    The nearer end counts, also where a timer for a farther one is set.
    """

    async def main() -> None:
        deadlines = Deadlines()
        await waited(deadlines, value(), 60)
        waiting = asyncio.create_task(waited(deadlines, asyncio.Event().wait(), 5))
        await turns()
        pass_time(6)
        with pytest.raises(TimeoutError):
            await waiting

    run(main())


def test_tasks_have_each_their_own_time():
    """
    Of many waits of many tasks those end whose time is over, whichever began first.
    """

    async def main() -> None:
        deadlines = Deadlines()
        order = [(place * 7) % 20 + 1 for place in range(20)]
        waiting = {
            seconds: asyncio.create_task(waited(deadlines, asyncio.Event().wait(), seconds)) for seconds in order
        }
        await turns()
        for seconds in sorted(order):
            pass_time(1)
            await turns()
            assert {end for end, task in waiting.items() if task.done()} == set(range(1, seconds + 1))
        results = await asyncio.gather(*waiting.values(), return_exceptions=True)
        assert {type(result) for result in results} == {TimeoutError}

    run(main())


def test_nobody_is_ended_who_does_not_wait():
    """
    Between two waits the time does not count: whoever reads a stream may take long over a piece.
    """

    async def main() -> None:
        deadlines = Deadlines()
        await waited(deadlines, value(), 60)
        pass_time(1000)
        await turns()
        assert await waited(deadlines, value(), 60) == "there"

    run(main())


def test_a_cancelled_task_is_cancelled():
    """
    A cancellation is none of the timer's business, also where it comes in the same turn.
    """

    async def main() -> None:
        for seconds in (0, 61):
            waiting = asyncio.create_task(waited(Deadlines(), asyncio.Event().wait(), 60))
            await turns()
            pass_time(seconds)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    run(main())


def test_the_task_goes_on_after_a_timeout():
    """
    A timeout leaves no cancellation behind that would end a later wait of the same task.
    """

    async def main() -> None:
        deadlines = Deadlines()

        async def twice() -> str:
            with pytest.raises(TimeoutError):
                await waited(deadlines, asyncio.Event().wait(), 60)
            assert asyncio.current_task() is not None
            async with asyncio.timeout(1000):
                return await waited(deadlines, value(), 60)

        going = asyncio.create_task(twice())
        await turns()
        pass_time(61)
        assert await going == "there"
        assert going.cancelling() == 0

    run(main())


def test_what_is_stopped_leaves_no_timer():
    """
    A transport that is closed keeps nothing in the loop.
    """

    async def main() -> None:
        deadlines = Deadlines()
        await waited(deadlines, value(), 60)
        deadlines.stop()
        deadlines.stop()

    assert [timer.cancelled() for timer in run(main()).timers] == [True]
