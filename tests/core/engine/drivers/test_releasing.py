"""Unused results of `First` are released."""

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
from tests.core.engine.flows import return_value, run_first, wait_for_latch


def test_result_of_a_loser_is_released(driver):
    """
    The result of a flow that ignores its abandonment is released, and not returned.
    """
    started, gate = Latch(), threading.Event()
    released = []

    def ignore_abandonment():
        started.set()
        try:
            yield Wait(Latch(), math.inf)
        except BaseException:  # noqa: BLE001 - the flow under test catches every exception
            yield Invoke(lambda: gate.wait(60))
        return "late"

    def release(result):
        released.append((yield Invoke(lambda: result)))

    assert driver.run(run_first(ignore_abandonment(), wait_for_latch([], started), release=release)) == "waited"
    gate.set()
    driver.close()

    assert released == ["late"]


def test_one_of_two_simultaneous_winners_is_released(clock):
    """
    Threads that succeed at the same time have one winner, and the result of the other is released.
    """
    meeting = threading.Barrier(2)
    released = []

    def win(name):
        yield Invoke(meeting.wait)
        return name

    def release(result):
        released.append((yield Invoke(lambda: result)))

    driver = BlockingDriver(ScriptedTransport, clock)
    for _ in range(20):
        released.clear()
        winner = driver.run(run_first(win("a"), win("b"), release=release))
        driver.close()
        assert sorted([winner, *released]) == ["a", "b"]


def test_one_of_two_simultaneous_winning_tasks_is_released(clock):
    """
    Tasks that succeed in the same turn of the loop have one winner, and the result of the other is released.
    """
    released = []

    def win(name):
        yield from ()
        return name

    def release(result):
        released.append((yield Invoke(lambda: result, inline=True)))

    async def run():
        driver = AsyncDriver(lambda: ScriptedTransport().asynchronous, clock)
        winner = await driver.run(run_first(win("a"), win("b"), release=release))
        await driver.close()
        return winner

    assert asyncio.run(run()) == "a"
    assert released == ["b"]


def test_error_of_a_release_does_not_reach_the_caller(driver):
    """
    It is logged, and the result of the winner is returned.
    """
    started = Latch()
    released = []

    def ignore_abandonment():
        started.set()
        try:
            yield Wait(Latch(), math.inf)
        except BaseException:  # noqa: BLE001 - the flow under test catches every exception
            return "late"

    def release(result):
        released.append(result)
        yield Invoke(lambda: 1 // 0)

    assert driver.run(run_first(ignore_abandonment(), wait_for_latch([], started), release=release)) == "waited"
    driver.close()

    assert released == ["late"]


def test_result_is_released_if_the_caller_is_interrupted(clock, monkeypatch):
    """
    Control-C at the moment in which a flow wins releases its result.
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
        BlockingDriver(ScriptedTransport, clock).run(
            run_first(return_value("won"), wait_for_latch([]), release=release)
        )

    assert released == ["won"]
