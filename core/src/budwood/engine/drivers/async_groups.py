"""Run the flows of `All` and `First` with async I/O, each in a task."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from budwood import logs
from budwood.engine.drivers.effects import CLEANUP_SECONDS, Flow, join_errors, make_closed_error

if TYPE_CHECKING:
    from budwood.engine.drivers.asynchronous import AsyncDriver


class BackgroundTasks:
    """The background tasks of a driver that have not ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flows: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    def cancel(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """Cancel tasks, and let them clean up in the background."""
        for task in tasks:
            task.cancel()
            self._add(task)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background."""
        self._add(asyncio.create_task(work))

    def start_flow(self, work: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], object]) -> StartedTask:
        """
        Run a flow in the background until it is cancelled, or until `close`.

        Raises:
            BudwoodError: The client is closed.
        """
        if self._is_closed:
            raise make_closed_error()
        task = asyncio.create_task(work())
        self._add(task)
        self._flows.add(task)
        task.add_done_callback(self._flows.discard)
        task.add_done_callback(lambda _: ended())
        return StartedTask(task)

    async def close(self) -> None:
        """Cancel the flows that were started in this event loop, and wait for all tasks; see `wait`. Start no more."""
        self._is_closed = True
        loop = asyncio.get_running_loop()
        for task in list(self._flows):
            if task.get_loop() is loop:
                task.cancel()
        await self.wait()

    async def wait(self) -> None:
        """Wait until the tasks of this event loop have ended, at most `CLEANUP_SECONDS`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CLEANUP_SECONDS
        while tasks := [task for task in list(self._tasks) if task.get_loop() is loop]:  # one may start another
            await asyncio.wait(tasks, timeout=max(deadline - loop.time(), 0.0))
            if loop.time() >= deadline:
                return

    def _add(self, task: asyncio.Task[Any]) -> None:
        for other in list(self._tasks):
            if other.get_loop().is_closed():  # it will never end
                self._tasks.discard(other)
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # otherwise asyncio reports that it was never retrieved


class StartedTask:
    """The task of a flow that runs in the background."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    def is_alive(self) -> bool:
        """Tell whether it is performed: its event loop runs."""
        return self._task.get_loop().is_running()

    def cancel(self) -> None:
        """Abandon the flow, from any thread."""
        with contextlib.suppress(RuntimeError):  # its loop was closed, so that it has ended
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)


class NextFlow:
    """
    Reads flows from an async iterator, one at a time.

    Attributes:
        task: Reads the next flow; None if none is being read.
    """

    def __init__(self, flows: AsyncIterator[Flow[Any]]) -> None:
        self._flows = flows
        self._has_ended = False
        self.task: asyncio.Task[Flow[Any] | None] | None = None

    def read(self) -> None:
        """Start to read the next flow, unless one is being read or there is none."""
        if self.task is None and not self._has_ended:
            self.task = asyncio.create_task(self._next())

    def take(self) -> Flow[Any] | None:
        """Return the flow that was read, if there is one."""
        task = self.task
        if task is None or not task.done():
            return None
        self.task = None
        flow = task.result()
        self._has_ended = flow is None
        return flow

    async def cancel(self) -> None:
        """Stop reading."""
        task, self.task = self.task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # otherwise asyncio reports that it was never retrieved

    async def _next(self) -> Flow[Any] | None:
        return await anext(self._flows, None)


class Group:
    """The flows of an `All`, which run in parallel."""

    def __init__(self, driver: AsyncDriver) -> None:
        self._driver = driver
        self._running: dict[asyncio.Task[Any], int] = {}

    async def run(self, flows: Iterable[Flow[Any]], limit: int) -> list[Any]:
        """Perform the flows, and return their results in order."""
        async with contextlib.aclosing(self.completed(flows, limit)) as completed:
            results = {place: result async for place, result in completed}
        return [results[place] for place in range(len(results))]

    async def completed(self, flows: Iterable[Flow[Any]], limit: int) -> AsyncGenerator[tuple[int, Any], None]:
        """Perform the flows; yield the index and result of each, in the order in which they end."""
        waiting = enumerate(flows)
        try:
            while True:
                while len(self._running) < limit and (item := next(waiting, None)) is not None:
                    self._start(item[0], self._driver.run_member(item[1]))
                if not self._running:
                    return
                for task in await self._wait():
                    yield self._running.pop(task), task.result()
        except BaseException as error:
            await self._leave(error)
            raise

    async def completed_from(
        self, flows: AsyncIterable[Flow[Any]], limit: int
    ) -> AsyncGenerator[tuple[int, Any], None]:
        """Perform flows of an async iterable as `completed` does. Results do not wait for the next flow."""
        waiting = NextFlow(aiter(flows))
        started = 0
        try:
            while True:
                if len(self._running) < limit:
                    waiting.read()
                if not await self._wait_with(waiting.task):
                    return
                if (flow := waiting.take()) is not None:
                    self._start(started, self._driver.run_member(flow))
                    started += 1
                for task in sorted(filter(asyncio.Task.done, self._running), key=self._running.__getitem__):
                    yield self._running.pop(task), task.result()
        except BaseException as error:
            await waiting.cancel()
            await self._leave(error)
            raise

    async def _wait_with(self, reading: asyncio.Task[Any] | None) -> bool:
        """Wait until a flow has ended or the next one was read; return whether there was any to wait for."""
        tasks = [*self._running, *(() if reading is None else (reading,))]
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return bool(tasks)

    def _start(self, index: int, work: Coroutine[Any, Any, Any]) -> None:
        self._running[asyncio.create_task(work)] = index

    async def _wait(self) -> list[asyncio.Task[Any]]:
        """Wait until flows have ended, and return their tasks in order."""
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        return sorted(done, key=self._running.__getitem__)

    def _abandon(self) -> None:
        """Tell the flows to end, without waiting."""
        self._driver.background.cancel(self._running)

    async def _leave(self, error: BaseException) -> None:
        """
        Abandon the flows.

        After a failure it waits until they know that they must end, so that their requests end. If the task of the
        caller was cancelled, it waits until they have cleaned up, as for a single flow.
        """
        self._abandon()
        if self._running:
            timeout = CLEANUP_SECONDS if isinstance(error, asyncio.CancelledError) else 0
            await asyncio.wait(self._running, timeout=timeout)


class Race(Group):
    """
    The flows of a `First`, which run in parallel.

    Args:
        driver: Performs them.
        release: Creates the flow that releases a result which came too late.
    """

    def __init__(self, driver: AsyncDriver, release: Callable[[Any], Flow[None]] | None) -> None:
        super().__init__(driver)
        self._release = release
        self._is_over = False
        self._winner: list[Any] = []

    async def run_race(self, flows: Iterable[Flow[Any]]) -> Any:  # noqa: ANN401 - any result of a flow
        """Perform the flows until one succeeds, and return its result."""
        errors: dict[int, Exception] = {}
        try:
            for index, flow in enumerate(flows):
                self._start(index, self._compete(flow))
            while self._running:
                done = await self._wait()
                if self._winner:
                    super()._abandon()
                    return self._winner.pop()
                for task in done:
                    try:
                        task.result()
                    except Exception as error:  # noqa: BLE001 - raised in the caller only if all fail
                        errors[self._running.pop(task)] = error
        except BaseException as error:
            await self._leave(error)
            raise
        raise join_errors([errors[index] for index in sorted(errors)])

    async def _compete(self, flow: Flow[Any]) -> None:
        result = await self._driver.run_member(flow)
        if self._is_over:
            self._driver.background.start(
                self._release_late_result(result)
            )  # a task of its own, which is not cancelled
        else:
            self._is_over = True
            self._winner.append(result)

    def _abandon(self) -> None:
        self._is_over = True
        if self._winner:
            self._driver.background.start(self._release_late_result(self._winner.pop()))
        super()._abandon()

    async def _release_late_result(self, result: object) -> None:
        """Release a result that came too late."""
        if self._release is None:
            return
        try:
            await self._driver.run(self._release(result))
        except Exception as error:  # noqa: BLE001 - no caller waits for it
            logs.emit("release failed", level="warning", error=str(error))
