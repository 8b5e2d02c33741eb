from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading

import pytest

from budwood_generation import generate
from budwood_generation.runs.interrupts import SAME_SECONDS, graceful_interrupts
from tests.datasets import conversation_spec

both_signals = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])

PROGRAM = """
import asyncio, signal
from budwood_testing import FakeClock
from budwood_generation.runs.interrupts import SAME_SECONDS, graceful_interrupts

clock = FakeClock()

async def work(interrupts):
    interrupts.install()
    signal.raise_signal(signal.SIGINT)
    clock.sleep(SAME_SECONDS - 0.1)
    signal.raise_signal(signal.SIGINT)
    print("cleaning up", flush=True)
    clock.sleep(SAME_SECONDS)
    signal.raise_signal(signal.SIGINT)
    print("still here", flush=True)

with graceful_interrupts(clock.monotonic) as interrupts:
    asyncio.run(work(interrupts))
"""


def run_until_signals(clock, *numbers, stop=None, pause=1.0):
    """
    Raise signals in a task that waits, and return the interrupts and whether the task was cancelled.
    """

    async def work(interrupts):
        interrupts.install()
        with interrupts.stopping_by(stop) if stop else contextlib.nullcontext():
            for number in numbers:
                clock.sleep(pause)
                signal.raise_signal(number)
            for _ in range(5):
                await asyncio.sleep(0)

    with graceful_interrupts(clock.monotonic) as interrupts:
        try:
            asyncio.run(work(interrupts))
        except asyncio.CancelledError:
            return interrupts, True
    return interrupts, False


@both_signals
def test_the_first_signal_stops_the_run(clock, number):
    """
    While calls run, it does not cancel them.
    """
    stopped = []

    interrupts, was_cancelled = run_until_signals(clock, number, stop=lambda: stopped.append(True))

    assert (stopped, was_cancelled, interrupts.signal) == ([True], False, number)


@both_signals
def test_the_second_signal_cancels_the_run(clock, number):
    """
    The calls in flight are lost.
    """
    stopped = []

    interrupts, was_cancelled = run_until_signals(clock, number, number, stop=lambda: stopped.append(True))

    assert (stopped, was_cancelled, interrupts.signal) == ([True], True, number)


@both_signals
def test_a_signal_outside_of_calls_cancels_the_run(clock, number):
    """
    Nothing is in flight while the run is planned or the output is written.
    """
    assert run_until_signals(clock, number)[1]


@both_signals
def test_a_signal_during_planning_ends_the_program(tmp_path, monkeypatch, number):
    """
    Reading many documents takes minutes, and blocks the event loop that could cancel it.
    """
    reached = []

    def plan(*_arguments, **_settings):
        signal.raise_signal(number)
        reached.append(True)

    monkeypatch.setattr("budwood_generation.runs.run.make_plan", plan)

    with pytest.raises((KeyboardInterrupt, SystemExit)) as raised:
        generate(conversation_spec(tmp_path))

    assert (type(raised.value) is KeyboardInterrupt) == (number == signal.SIGINT)
    assert not reached


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for a thread")
@both_signals
def test_a_signal_wakes_a_run_that_waits(clock, number):
    """
    The main thread is not interrupted if another one receives the signal, or if it arrives just before the wait.
    """
    is_waiting, before = threading.Event(), (signal.set_wakeup_fd(-1), sys.getswitchinterval())

    def send():
        is_waiting.wait()
        signal.pthread_kill(threading.get_ident(), number)

    async def work(interrupts):
        interrupts.install()
        stopped = asyncio.Event()
        with interrupts.stopping_by(stopped.set):
            is_waiting.set()
            await stopped.wait()

    sender = threading.Thread(target=send)
    sender.start()
    sys.setswitchinterval(1000)  # the other thread runs when this one waits in the event loop
    try:
        with graceful_interrupts(clock.monotonic) as interrupts:
            asyncio.run(work(interrupts))
    finally:
        sys.setswitchinterval(before[1])
        sender.join()

    assert interrupts.signal == number
    assert signal.set_wakeup_fd(before[0]) == -1


def test_two_signals_at_once_are_one(clock):
    """
    A wrapper forwards the signal that the terminal has sent to both.
    """
    stopped = []

    _, was_cancelled = run_until_signals(
        clock, signal.SIGINT, signal.SIGINT, signal.SIGTERM, stop=lambda: stopped.append(True), pause=SAME_SECONDS / 4
    )

    assert (stopped, was_cancelled) == ([True], False)


def test_the_exception_has_the_exit_status_of_the_signal(clock):
    """
    130 for SIGINT, by KeyboardInterrupt, and 143 for SIGTERM. Its notes say how to resume.
    """
    interrupted, terminated = (run_until_signals(clock, number)[0] for number in (signal.SIGINT, signal.SIGTERM))

    assert isinstance(interrupted.end(["resume"]), KeyboardInterrupt)
    assert terminated.end(["resume"]).code == 143
    assert terminated.end(["resume"]).__notes__ == ["resume"]


@both_signals
def test_handlers_of_a_program_are_kept(clock, number):
    """
    A program that handles a signal itself still receives it.
    """
    seen = []
    before = signal.signal(number, lambda *_: seen.append(number))
    try:
        _, was_cancelled = run_until_signals(clock, number)
    finally:
        signal.signal(number, before)

    assert (seen, was_cancelled) == ([number], False)


@both_signals
def test_handlers_are_restored(clock, number):
    """
    After the run, signals do what they did before.
    """
    before = signal.getsignal(number)

    run_until_signals(clock, number)

    assert signal.getsignal(number) is before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that end a process")
def test_a_late_interrupt_ends_the_process():
    """
    Ctrl-C during a long cleanup ends the process at once.
    """
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout, run.stderr) == (-signal.SIGINT, "cleaning up\n", "")


def test_other_threads_install_no_handler():
    """
    Signals belong to the main thread. In other threads no handler is installed, and no error is raised.
    """
    handlers = []

    async def install(interrupts):
        interrupts.install()
        handlers.append(signal.getsignal(signal.SIGINT))

    def work():
        with graceful_interrupts() as interrupts:
            asyncio.run(install(interrupts))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert handlers == [before]
