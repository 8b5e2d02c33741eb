"""Run blocking work without blocking the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final
from weakref import WeakKeyDictionary

_executors: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, ThreadPoolExecutor]] = WeakKeyDictionary()
"""The threads of each event loop. They end when the loop is dropped."""


async def call_in_thread(function: Callable[[], object]) -> object:
    """
    Call a function in a thread of the running event loop, and return its result.

    Does what `asyncio.to_thread` does in two thirds of the time, because the thread itself completes the future of the
    loop. If the task is cancelled, a function that has started continues.
    """
    loop = asyncio.get_running_loop()
    if (executor := _executors.get(loop)) is None:
        executor = _executors[loop] = ThreadPoolExecutor(thread_name_prefix="budwood-call")
    result: asyncio.Future[object] = loop.create_future()
    executor.submit(_complete, result, contextvars.copy_context(), function)
    return await result


def _complete(result: asyncio.Future[object], context: contextvars.Context, function: Callable[[], object]) -> None:
    """Call a function, and set its result in the event loop."""
    if result.cancelled():
        return
    error: BaseException | None = None
    value: object = None
    try:
        value = context.run(function)
    except StopIteration as stop:  # a future rejects it
        error = RuntimeError(f"StopIteration: {stop}")
        error.__cause__ = stop
    except BaseException as failure:  # noqa: BLE001 - it is raised in the task
        error = failure
    with contextlib.suppress(RuntimeError):  # the loop was closed, so no task waits
        result.get_loop().call_soon_threadsafe(_set, result, value, error)
    error = None  # its traceback refers to this function


def _set(result: asyncio.Future[object], value: object, error: BaseException | None) -> None:
    if result.done():
        return
    if error is None:
        result.set_result(value)
    else:
        result.set_exception(error)


async def run_in_own_thread(work: Callable[[], None]) -> None:
    """
    Run work to its end in a thread, and raise its exception. If the task is cancelled, the work continues.

    The thread is not one of the event loop's, which may all be busy.
    """
    ended: Future[None] = Future()
    ended.set_running_or_notify_cancel()  # a cancelled task must not cancel the future, which the thread completes

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised in the task
            ended.set_exception(error)
        else:
            ended.set_result(None)

    try:
        threading.Thread(target=run, name="budwood-close").start()
    except RuntimeError:  # the interpreter exits and starts no thread
        run()
    await asyncio.wrap_future(ended)
