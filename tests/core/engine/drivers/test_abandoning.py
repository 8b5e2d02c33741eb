"""An abandoned flow ends, and cleans up in the background."""

from __future__ import annotations

import contextlib
import itertools
import math
import subprocess
import sys
import threading

import pytest

from budwood.engine.drivers import groups
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import (
    Abandoned,
    Invoke,
    Open,
    Start,
    Wait,
)
from budwood.engine.drivers.latch import Latch
from budwood.errors import ProviderError
from budwood_testing import ScriptedTransport
from tests.core.engine.flows import (
    CALL,
    TIMING,
    assert_no_threads_are_left,
    run_all,
    run_first,
    wait_for_latch,
)


@pytest.mark.parametrize("fail", [True, False])
def test_thread_that_misses_an_interrupt_is_interrupted_again(clock, fail):
    """
    A flow that starts to wait after it was abandoned still ends, in `All` and in `First`.
    """
    started, misses_interrupt, ended = threading.Event(), threading.Event(), threading.Event()
    interrupts = []

    class Transport(ScriptedTransport):
        def open(self, call, timing):
            started.set()
            misses_interrupt.wait(60)  # while it connects there is no socket to shut down
            ended.wait(60)
            raise ProviderError("interrupted")

        def interrupt(self, thread: int) -> None:
            interrupts.append(thread)
            misses_interrupt.set()
            if len(interrupts) > 1:
                ended.set()

    transport = Transport()

    def wait_for_reply():
        yield Open(CALL, TIMING)

    def end():
        yield Invoke(lambda: started.wait(60))
        if fail:
            raise ProviderError("failed")

    driver = BlockingDriver(lambda: transport, clock)
    with pytest.raises(ProviderError, match="failed") if fail else contextlib.nullcontext():
        driver.run(run_all([wait_for_reply(), end()]) if fail else run_first(wait_for_reply(), end()))
    assert ended.wait(60)
    assert_no_threads_are_left()


def test_abandoned_flow_performs_no_further_effect(driver):
    """
    The result of a blocking function that returns after the flow was abandoned leads to no further effect.
    """
    started, gate = threading.Event(), threading.Event()
    seen = []

    def block():
        started.set()
        gate.wait(60)

    def do_work():
        yield Invoke(block)
        yield Invoke(lambda: seen.append("continued"))

    def fail():
        yield Invoke(lambda: started.wait(60))
        raise ProviderError("failed")

    with pytest.raises(ProviderError, match="failed"):
        driver.run(run_all([do_work(), fail()]))
    gate.set()
    driver.close()

    assert seen == []


def test_error_does_not_wait_for_the_cleanup_of_others(driver):
    """
    The error is raised while another flow still cleans up; closing the driver waits for that flow.
    """
    started_latch, gate = Latch(), threading.Event()
    cleaned = []

    def wait_for_reply():
        try:
            started_latch.set()
            yield Wait(Latch(), math.inf)
        finally:
            yield Invoke(lambda: gate.wait(60))
            cleaned.append("cleaned")

    def fail():
        yield Wait(started_latch, math.inf)
        raise ProviderError("failed")

    with pytest.raises(ProviderError, match="failed"):
        driver.run(run_all([wait_for_reply(), fail()]))
    assert cleaned == []

    gate.set()
    driver.close()
    assert cleaned == ["cleaned"]


def test_abandoned_flow_gets_no_other_error(clock):
    """
    A flow whose socket was shut down because it was abandoned gets `Abandoned`, not an error that it could retry.
    """
    started, interrupted = threading.Event(), threading.Event()
    seen = []

    class Transport(ScriptedTransport):
        def open(self, call, timing):
            started.set()
            interrupted.wait(60)
            raise ProviderError("the connection broke")

        def interrupt(self, thread: int) -> None:
            interrupted.set()

    def wait_for_reply():
        try:
            yield Open(CALL, TIMING)
        except BaseException as error:
            seen.append((type(error), str(error.__cause__)))
            raise

    def fail():
        yield Invoke(lambda: started.wait(60))
        raise ProviderError("failed")

    transport = Transport()
    driver = BlockingDriver(lambda: transport, clock)
    with pytest.raises(ProviderError, match="failed"):
        driver.run(run_all([wait_for_reply(), fail()]))
    driver.close()

    assert seen == [(Abandoned, "the connection broke")]


def test_cleanup_is_not_interrupted(clock, monkeypatch):
    """
    Requests that an abandoned flow sends in a `finally` succeed: threads that are cleaning up are not interrupted.
    """
    started_latch, gate = Latch(), threading.Event()
    interrupts, rounds = [], itertools.count(1)
    interrupt = groups.Group.interrupt

    def interrupt_all(self):
        if next(rounds) == 5:
            gate.set()
        return interrupt(self)

    class Transport(ScriptedTransport):
        def open(self, call, timing):
            gate.wait(60)
            return super().open(call, timing)

        def interrupt(self, thread: int) -> None:
            interrupts.append(thread)

    def wait_for_reply():
        try:
            started_latch.set()
            yield Wait(Latch(), math.inf)
        finally:
            yield Open(CALL, TIMING)

    def fail():
        yield Wait(started_latch, math.inf)
        raise ProviderError("failed")

    monkeypatch.setattr(groups.Group, "interrupt", interrupt_all)
    transport = Transport().reply(200)
    driver = BlockingDriver(lambda: transport, clock)
    with pytest.raises(ProviderError, match="failed"):
        driver.run(run_all([wait_for_reply(), fail()]))
    driver.close()

    assert transport.calls == [CALL]
    assert interrupts == []


def test_cleanup_has_a_time_limit(clock, monkeypatch):
    """
    An abandoned flow that waits in its `finally` is ended after a time limit.
    """
    monkeypatch.setattr(groups, "CLEANUP_SECONDS", 0.0)
    ended = []

    def wait_for_reply():
        try:
            yield Wait(Latch(), math.inf)
        finally:
            try:
                yield Wait(Latch(), math.inf)
            except Abandoned:
                ended.append("ended")
                raise

    started_latch = Latch()

    def start_waiting():
        started_latch.set()
        return (yield from wait_for_reply())

    def fail():
        yield Wait(started_latch, math.inf)
        raise ProviderError("failed")

    driver = BlockingDriver(ScriptedTransport, clock)
    with pytest.raises(ProviderError, match="failed"):
        driver.run(run_all([start_waiting(), fail()]))
    assert_no_threads_are_left()

    assert ended == ["ended"]


def test_abandoned_group_ends_the_groups_inside(driver):
    """
    A flow that waits for a group is abandoned together with that group.
    """
    cleaned = []
    started_latch = Latch()

    def start_waiting():
        started_latch.set()
        return (yield from wait_for_latch(cleaned))

    def fail():
        yield Wait(started_latch, math.inf)
        raise ProviderError("failed")

    inner = run_all([start_waiting(), wait_for_latch(cleaned)])
    with pytest.raises(ProviderError, match="failed"):
        driver.run(run_all([inner, fail()]))
    driver.close()

    assert cleaned in (["cleaned"], ["cleaned"] * 2)  # a flow that has not started does not clean up


@pytest.mark.parametrize("kind", ["all", "first", "started"])
def test_control_c_while_a_thread_starts_leaves_no_thread(clock, monkeypatch, kind):
    """
    The thread ends, although it gets no flow, or one that was abandoned.
    """
    start = threading.Thread.start

    def start_and_interrupt(thread):
        start(thread)
        if thread.name == "budwood-flow":
            patch.undo()
            raise KeyboardInterrupt

    def wait():
        yield Wait(Latch(), math.inf)

    def start_in_background():
        yield Start(wait(), lambda: None)

    flows = {"all": run_all([wait(), wait()]), "first": run_first(wait(), wait()), "started": start_in_background()}
    driver = BlockingDriver(ScriptedTransport, clock)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start_and_interrupt)
        with pytest.raises(KeyboardInterrupt):
            driver.run(flows[kind])

    assert not driver.started
    assert_no_threads_are_left()


UNREAD_REPLIES = """
import budwood

client = budwood.Client("offline/extractive")
replies = client.ask_many(["What grows? A tree grows."] * 200, concurrency=2)
next(iter(replies))
print("left")
"""


def test_program_ends_although_replies_were_not_read():
    """
    A program that ends with calls under way, whose results nothing reads, ends at once.
    """
    run = subprocess.run([sys.executable, "-c", UNREAD_REPLIES], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout, run.stderr) == (0, "left\n", "")
