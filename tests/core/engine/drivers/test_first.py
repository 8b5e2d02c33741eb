"""Both drivers return the result of the first flow of `First` that succeeds, and end the others in the background."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import math
import threading

import pytest

from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import Invoke, Sleep, Wait
from budwood.engine.drivers.latch import Latch
from budwood.errors import ProviderError
from budwood_testing import ManualClock, ScriptedTransport
from tests.core.engine.flows import (
    assert_no_threads_are_left,
    raise_error,
    return_value,
    run_all,
    run_first,
    wait_for_latch,
)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_first_flow_that_succeeds_wins(driver, place):
    """
    Its result is that of `First`, whatever its position. The others end, and perform their `finally` effects.
    """
    cleaned = []
    latch, others = Latch(), [Latch(), Latch()]

    def start_and_wait(start_latch):
        start_latch.set()
        return (yield from wait_for_latch(cleaned, latch))

    def win():
        for start_latch in others:
            yield Wait(start_latch, math.inf)
        return "won"

    flows = [start_and_wait(start_latch) for start_latch in others]
    flows.insert(place, win())

    assert driver.run(run_first(*flows)) == "won"
    driver.close()
    assert cleaned == ["cleaned"] * 2


@pytest.mark.parametrize("place", [0, 1])
def test_failure_before_the_winner_is_ignored(driver, place):
    """
    A flow that failed before another succeeded has no effect.
    """
    failed = Latch()

    def fail():
        try:
            yield from raise_error()
        finally:
            failed.set()

    flows = [wait_for_latch([], failed)]
    flows.insert(place, fail())

    assert driver.run(run_first(*flows)) == "waited"


def test_error_of_the_first_flow_is_raised_if_all_fail(driver):
    """
    It is the error of the first flow, not of the one that failed first. The others are in its notes.
    """
    failed = Latch()

    def first():
        yield Wait(failed, math.inf)
        yield from raise_error("first")

    def second():
        try:
            yield from raise_error("second")
        finally:
            failed.set()

    with pytest.raises(ProviderError, match="first") as caught:
        driver.run(run_first(first(), second()))

    assert caught.value.__notes__ == ["Another attempt failed with ProviderError: second"]


def test_shared_error_is_not_its_own_note(driver):
    """
    Flows that raise the same error object raise it once.
    """
    shared = ProviderError("shared")

    def fail():
        yield Invoke(lambda: None)
        raise shared

    with pytest.raises(ProviderError) as caught:
        driver.run(run_first(fail(), fail()))

    assert not hasattr(caught.value, "__notes__")


def test_first_of_no_flow_is_an_error(driver):
    """
    Without a flow there is neither a result nor an error to raise.
    """
    with pytest.raises(ValueError, match="no flows"):
        driver.run(run_first())


def test_first_of_one_flow(driver):
    """
    Its result is that of `First`, and so is its error.
    """
    assert driver.run(run_first(return_value("only"))) == "only"
    with pytest.raises(ProviderError, match="failed"):
        driver.run(run_first(raise_error()))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_base_exceptions_are_raised_immediately(clock, kind):
    """
    After Control-C in a flow, the other flows cannot make `First` succeed.
    """
    cleaned = []
    start_latch = Latch()

    def start_and_wait():
        start_latch.set()
        return (yield from wait_for_latch(cleaned))

    def interrupt():
        yield Wait(start_latch, math.inf)
        raise kind

    driver = BlockingDriver(ScriptedTransport, clock)
    with pytest.raises(kind):
        driver.run(run_first(start_and_wait(), interrupt()))
    driver.close()

    assert cleaned == ["cleaned"]


def test_winner_does_not_wait_for_the_cleanup_of_others(driver):
    """
    `First` returns while a loser cleans up; closing the driver waits for it.
    """
    start_latch, gate = Latch(), threading.Event()
    cleaned = []

    def lose():
        try:
            start_latch.set()
            yield Wait(Latch(), math.inf)
        finally:
            yield Invoke(lambda: gate.wait(60))
            cleaned.append("cleaned")

    assert driver.run(run_first(lose(), wait_for_latch([], start_latch))) == "waited"
    assert cleaned == []

    gate.set()
    driver.close()
    assert cleaned == ["cleaned"]


def test_flow_may_start_later_than_the_others(make_driver, start):
    """
    A hedge is a flow that sleeps first: it wins if no flow has succeeded by then.
    """
    clock = ManualClock()
    cleaned, started = [], []

    def hedge():
        yield Sleep(2.0)
        started.append(clock.now)
        return "hedge"

    driver = make_driver(clock)
    winner = start(driver.run, run_first(wait_for_latch(cleaned), hedge()))
    clock.wait_for_sleepers(2)
    assert started == []
    clock.advance(2.0)

    assert winner.result(60) == "hedge"
    driver.close()
    assert (started, cleaned) == ([1002.0], ["cleaned"])


def test_sleep_of_a_loser_ends_immediately(make_driver, start):
    """
    A hedge that is not needed stops sleeping.
    """
    clock = ManualClock()
    answer_latch = Latch()
    ended = []

    def hedge():
        try:
            yield Sleep(3600.0)
            ended.append("was sent")
        finally:
            ended.append("ended")

    driver = make_driver(clock)
    winner = start(driver.run, run_first(wait_for_latch([], answer_latch), hedge()))
    clock.wait_for_sleepers(2)
    answer_latch.set()

    assert winner.result(60) == "waited"
    driver.close()
    clock.wait_for_sleepers(0)
    assert ended == ["ended"]


def test_failing_group_ends_a_first_inside(driver):
    """
    `First` is abandoned while it is pending. Its flows end, and perform their `finally` effects.
    """
    cleaned = []
    latches = [Latch(), Latch()]

    def start_and_wait(start_latch):
        start_latch.set()
        return (yield from wait_for_latch(cleaned))

    def fail():
        for start_latch in latches:
            yield Wait(start_latch, math.inf)
        raise ProviderError("failed")

    with pytest.raises(ProviderError, match="failed"):
        driver.run(run_all([run_first(*map(start_and_wait, latches)), fail()]))
    driver.close()

    assert cleaned == ["cleaned"] * 2


def test_flows_of_first_have_the_context_of_the_caller(driver):
    """
    Context variables, which tracing uses, are those of the caller.
    """
    name = contextvars.ContextVar("name", default="unknown")

    def flow():
        return (yield Invoke(name.get))

    def run():
        name.set("caller")
        return driver.run(run_first(flow(), flow()))

    assert contextvars.copy_context().run(run) == "caller"


def test_threads_end_with_their_flows(clock):
    """
    Threads of winners and losers end, whether or not the driver is closed.
    """
    driver = BlockingDriver(ScriptedTransport, clock)

    for _ in range(10):
        assert driver.run(run_first(wait_for_latch([]), return_value(1), return_value(1))) == 1

    assert_no_threads_are_left()


@pytest.mark.parametrize("closed", [True, False])
def test_losers_leave_nothing_on_the_event_loop(clock, closed):
    """
    Asyncio does not report a loser whose cleanup fails, and the loser ends with the loop at the latest.
    """
    loop_errors = []
    start_latches = [Latch(), Latch()]

    def lose(start_latch):
        try:
            start_latch.set()
            yield Wait(Latch(), math.inf)
        finally:
            yield Invoke(lambda: 1 // 0)

    def win():
        for latch in start_latches:
            yield Wait(latch, math.inf)
        return "won"

    async def run():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: loop_errors.append(context))
        driver = AsyncDriver(lambda: ScriptedTransport().asynchronous, clock)
        winner = await driver.run(run_first(*map(lose, start_latches), win()))
        if closed:
            await driver.close()
        return winner

    assert asyncio.run(run()) == "won"
    gc.collect()
    assert loop_errors == []
