"""A result of `First` that nobody takes is given back."""

from __future__ import annotations

import asyncio
import math
import threading

import pytest

from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import Invoke, Wait
from budwood.engine.drivers.groups import Race
from budwood.engine.drivers.latch import Latch
from budwood_testing import ScriptedTransport
from tests.core.engine.flows import racing, value_of, waiting


def test_a_loser_that_succeeds_all_the_same_is_released(driver):
    """
    The result of a flow that does not heed its end is given back, and not returned.
    """
    began, gate = Latch(), threading.Event()
    released = []

    def stubborn():
        began.set()
        try:
            yield Wait(Latch(), math.inf)
        except BaseException:  # noqa: BLE001 - the flow under test takes all that there is
            yield Invoke(lambda: gate.wait(60))
        return "late"

    def release(result):
        released.append((yield Invoke(lambda: result)))

    assert driver.run(racing(stubborn(), waiting([], began), release=release)) == "waited"
    gate.set()
    driver.close()

    assert released == ["late"]


def test_of_two_winners_in_the_same_instant_one_is_released(clock):
    """
    Threads that succeed together have one winner, and the result of the other is given back.
    """
    meeting = threading.Barrier(2)
    released = []

    def wins(name):
        yield Invoke(meeting.wait)
        return name

    def release(result):
        released.append((yield Invoke(lambda: result)))

    driver = BlockingDriver(ScriptedTransport, clock)
    for _ in range(20):
        released.clear()
        winner = driver.run(racing(wins("a"), wins("b"), release=release))
        driver.close()
        assert sorted([winner, *released]) == ["a", "b"]


def test_of_two_tasks_that_win_in_the_same_instant_one_is_released(clock):
    """
    Tasks that succeed in the same turn of the loop have one winner, and the result of the other is given back.
    """
    released = []

    def wins(name):
        yield from ()
        return name

    def release(result):
        released.append((yield Invoke(lambda: result, inline=True)))

    async def run():
        driver = AsyncDriver(lambda: ScriptedTransport().asynchronous, clock)
        winner = await driver.run(racing(wins("a"), wins("b"), release=release))
        await driver.close()
        return winner

    assert asyncio.run(run()) == "a"
    assert released == ["b"]


def test_a_release_that_fails_is_not_the_winners(driver):
    """
    What goes wrong while a late result is given back does not reach the caller.
    """
    began = Latch()
    released = []

    def stubborn():
        began.set()
        try:
            yield Wait(Latch(), math.inf)
        except BaseException:  # noqa: BLE001 - the flow under test takes all that there is
            return "late"

    def release(result):
        released.append(result)
        yield Invoke(lambda: 1 // 0)

    assert driver.run(racing(stubborn(), waiting([], began), release=release)) == "waited"
    driver.close()

    assert released == ["late"]


def test_a_winner_that_an_interrupted_caller_cannot_take_is_released(clock, monkeypatch):
    """
    Control-C in the instant in which a flow wins gives its result back.
    """
    released = []
    wait = Race._wait

    def interrupted(self):
        wait(self)
        raise KeyboardInterrupt

    def release(result):
        released.append((yield Invoke(lambda: result)))

    monkeypatch.setattr(Race, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        BlockingDriver(ScriptedTransport, clock).run(racing(value_of("won"), waiting([]), release=release))

    assert released == ["won"]
