from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading

import pytest

from budwood_generation.runs.interrupts import graceful_interrupts

PROGRAM = """
import asyncio, signal
from budwood_testing import FakeClock
from budwood_generation.runs.interrupts import CLEANUP_SECONDS, graceful_interrupts

clock = FakeClock()

async def work(install_handler):
    install_handler()
    signal.raise_signal(signal.SIGINT)
    clock.sleep(CLEANUP_SECONDS - 0.1)
    signal.raise_signal(signal.SIGINT)
    print("cleaning up", flush=True)
    clock.sleep(0.1)
    signal.raise_signal(signal.SIGINT)
    print("still here", flush=True)

with graceful_interrupts(clock.monotonic) as install_handler:
    asyncio.run(work(install_handler))
"""


def test_two_interrupts_are_one(clock):
    """
    The second does not disturb the cleanup that the first started.
    """
    cleaned = []

    async def work(install_handler):
        install_handler()
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0)
            cleaned.append(True)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), graceful_interrupts(clock.monotonic) as install_handler:
        asyncio.run(work(install_handler))

    assert cleaned == [True]
    assert signal.getsignal(signal.SIGINT) is before


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

    def work():
        with graceful_interrupts() as install_handler:
            install_handler()
            handlers.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert handlers == [before]
