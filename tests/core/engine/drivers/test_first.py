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
from tests.core.engine.flows import assert_no_threads_are_left, failing, gathering, racing, value_of, waiting


@pytest.mark.parametrize("place", [0, 1, 2])
def test_first_flow_that_succeeds_wins(driver, place):
    """
    Its result is that of `First`, whatever its position. The others end, and perform their `finally` effects.
    """
    cleaned = []
    latch, others = Latch(), [Latch(), Latch()]

    def begins(began):
        began.set()
        return (yield from waiting(cleaned, latch))

    def wins():
        for began in others:
            yield Wait(began, math.inf)
        return "won"

    flows = [begins(began) for began in others]
    flows.insert(place, wins())

    assert driver.run(racing(*flows)) == "won"
    driver.close()
    assert cleaned == ["cleaned"] * 2


@pytest.mark.parametrize("place", [0, 1])
def test_failure_before_the_winner_is_ignored(driver, place):
    """
    A flow that failed before another succeeded has no effect.
    """
    failed = Latch()

    def fails():
        try:
            yield from failing()
        finally:
            failed.set()

    flows = [waiting([], failed)]
    flows.insert(place, fails())

    assert driver.run(racing(*flows)) == "waited"


def test_error_of_the_first_flow_is_raised_if_all_fail(driver):
    """
    It is the error of the first flow, not of the one that failed first. The others are in its notes.
    """
    failed = Latch()

    def first():
        yield Wait(failed, math.inf)
        yield from failing("first")

    def second():
        try:
            yield from failing("second")
        finally:
            failed.set()

    with pytest.raises(ProviderError, match="first") as caught:
        driver.run(racing(first(), second()))

    assert caught.value.__notes__ == ["Another attempt failed with ProviderError: second"]


def test_shared_error_is_not_its_own_note(driver):
    """
    Flows that raise the same error object raise it once.
    """
    shared = ProviderError("shared")

    def fails():
        yield Invoke(lambda: None)
        raise shared

    with pytest.raises(ProviderError) as caught:
        driver.run(racing(fails(), fails()))

    assert not hasattr(caught.value, "__notes__")


def test_first_of_no_flow_is_an_error(driver):
    """
    Without a flow there is neither a result nor an error to raise.
    """
    with pytest.raises(ValueError, match="no flows"):
        driver.run(racing())


def test_first_of_one_flow(driver):
    """
    Its result is that of `First`, and so is its error.
    """
    assert driver.run(racing(value_of("only"))) == "only"
    with pytest.raises(ProviderError, match="failed"):
        driver.run(racing(failing()))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_base_exceptions_are_raised_immediately(clock, kind):
    """
    After Control-C in a flow, the other flows cannot make `First` succeed.
    """
    cleaned = []
    began = Latch()

    def begins():
        began.set()
        return (yield from waiting(cleaned))

    def interrupted():
        yield Wait(began, math.inf)
        raise kind

    driver = BlockingDriver(ScriptedTransport, clock)
    with pytest.raises(kind):
        driver.run(racing(begins(), interrupted()))
    driver.close()

    assert cleaned == ["cleaned"]


def test_winner_does_not_wait_for_the_cleanup_of_others(driver):
    """
    `First` returns while a loser cleans up; closing the driver waits for it.
    """
    began, gate = Latch(), threading.Event()
    cleaned = []

    def loses():
        try:
            began.set()
            yield Wait(Latch(), math.inf)
        finally:
            yield Invoke(lambda: gate.wait(60))
            cleaned.append("cleaned")

    assert driver.run(racing(loses(), waiting([], began))) == "waited"
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
    winner = start(driver.run, racing(waiting(cleaned), hedge()))
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
    answered = Latch()
    ended = []

    def hedge():
        try:
            yield Sleep(3600.0)
            ended.append("was sent")
        finally:
            ended.append("ended")

    driver = make_driver(clock)
    winner = start(driver.run, racing(waiting([], answered), hedge()))
    clock.wait_for_sleepers(2)
    answered.set()

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

    def begins(began):
        began.set()
        return (yield from waiting(cleaned))

    def fails():
        for began in latches:
            yield Wait(began, math.inf)
        raise ProviderError("failed")

    with pytest.raises(ProviderError, match="failed"):
        driver.run(gathering([racing(*map(begins, latches)), fails()]))
    driver.close()

    assert cleaned == ["cleaned"] * 2


def test_flows_of_first_have_the_context_of_the_caller(driver):
    """
    Context variables, which tracing uses, are those of the caller.
    """
    name = contextvars.ContextVar("name", default="nobody")

    def flow():
        return (yield Invoke(name.get))

    def run():
        name.set("caller")
        return driver.run(racing(flow(), flow()))

    assert contextvars.copy_context().run(run) == "caller"


def test_threads_end_with_their_flows(clock):
    """
    Threads of winners and losers end, whether or not the driver is closed.
    """
    driver = BlockingDriver(ScriptedTransport, clock)

    for _ in range(10):
        assert driver.run(racing(waiting([]), value_of(1), value_of(1))) == 1

    assert_no_threads_are_left()


@pytest.mark.parametrize("closed", [True, False])
def test_losers_leave_nothing_on_the_event_loop(clock, closed):
    """
    Asyncio does not report a loser whose cleanup fails, and the loser ends with the loop at the latest.
    """
    complaints = []
    began = [Latch(), Latch()]

    def loses(began):
        try:
            began.set()
            yield Wait(Latch(), math.inf)
        finally:
            yield Invoke(lambda: 1 // 0)

    def wins():
        for latch in began:
            yield Wait(latch, math.inf)
        return "won"

    async def run():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        driver = AsyncDriver(lambda: ScriptedTransport().asynchronous, clock)
        winner = await driver.run(racing(*map(loses, began), wins()))
        if closed:
            await driver.close()
        return winner

    assert asyncio.run(run()) == "won"
    gc.collect()
    assert complaints == []
