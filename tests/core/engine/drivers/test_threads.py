"""Functions that the async driver calls in threads."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading

import pytest

from budwood.engine.drivers.threads import call_in_thread

NAME = contextvars.ContextVar("NAME", default="")


def test_function_runs_in_another_thread_with_the_context_of_the_task():
    """
    It reads the context variables of the task.
    """

    async def run():
        NAME.set("task")
        return await call_in_thread(lambda: (threading.get_ident(), NAME.get()))

    thread, name = asyncio.run(run())

    assert thread != threading.get_ident()
    assert name == "task"


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt(), SystemExit(3)])
def test_exception_is_raised_in_the_task(error):
    """
    The task gets the exception itself, whatever its class.
    """

    def fail():
        raise error

    async def run():
        with pytest.raises(type(error)) as raised:
            await call_in_thread(fail)
        return raised.value

    assert asyncio.run(run()) is error


def test_stop_iteration_becomes_an_error():
    """
    A future rejects `StopIteration`, so that waiting for it would never end.
    """

    async def run():
        with pytest.raises(RuntimeError, match="StopIteration"):
            await call_in_thread(lambda: next(iter(())))

    asyncio.run(run())


def test_function_of_a_cancelled_task_is_not_started():
    """
    A function that waits for a free thread is dropped with its task; one that has started continues.
    """
    release, started, ended, dropped = threading.Event(), threading.Semaphore(0), threading.Semaphore(0), []

    def occupy():
        started.release()
        release.wait(60)
        ended.release()

    async def run():
        count = min(32, (os.cpu_count() or 1) + 4) + 1
        busy = [asyncio.create_task(call_in_thread(occupy)) for _ in range(count)]
        late = asyncio.create_task(call_in_thread(lambda: dropped.append("called")))
        for _ in range(count - 1):  # one more than there are threads
            await asyncio.to_thread(started.acquire)
        late.cancel()
        busy[0].cancel()
        await asyncio.gather(late, busy[0], return_exceptions=True)
        release.set()
        await asyncio.gather(*busy[1:])
        await call_in_thread(lambda: None)
        return count

    for _ in range(asyncio.run(run())):
        assert ended.acquire(timeout=60)
    assert not dropped


def test_loop_that_was_closed_ignores_the_result():
    """
    A function may end after the loop of the task.
    """
    release, started, ended = threading.Event(), threading.Event(), threading.Event()

    def work():
        started.set()
        release.wait(60)
        ended.set()

    async def run():
        task = asyncio.create_task(call_in_thread(work))
        await asyncio.to_thread(started.wait)
        task.cancel()

    asyncio.run(run())
    release.set()

    assert ended.wait(60)
