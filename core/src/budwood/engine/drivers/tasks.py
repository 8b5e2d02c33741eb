"""`All` and `First` under the async driver: each flow runs in a task."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from budwood import logs
from budwood.engine.drivers.effects import CLEANUP_SECONDS, Flow, join_errors

if TYPE_CHECKING:
    from budwood.engine.drivers.asynchronous import AsyncDriver


class BackgroundTasks:
    """The background tasks of a driver, until they have ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def cancel(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """Cancel tasks, and let them clean up."""
        for task in tasks:
            task.cancel()
            self._add(task)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background."""
        self._add(asyncio.create_task(work))

    async def wait(self) -> None:
        """Wait until the tasks of this event loop have ended, but no longer than for their cleaning up."""
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
            task.exception()  # or asyncio reports that it was never retrieved


class Group:
    """Flows that run side by side: those of an `All`."""

    def __init__(self, driver: AsyncDriver) -> None:
        self._driver = driver
        self._running: dict[asyncio.Task[Any], int] = {}

    async def run(self, flows: Iterable[Flow[Any]], limit: int) -> list[Any]:
        """Perform the flows, and return their results in order."""
        async with contextlib.aclosing(self.completed(flows, limit)) as completed:
            results = {place: result async for place, result in completed}
        return [results[place] for place in range(len(results))]

    async def completed(self, flows: Iterable[Flow[Any]], limit: int) -> AsyncGenerator[tuple[int, Any], None]:
        """Perform the flows; yield each result with its place, in the order in which the flows end."""
        waiting = enumerate(flows)
        try:
            while True:
                while len(self._running) < limit and (item := next(waiting, None)) is not None:
                    self._start(item[0], self._driver.finish_side(item[1]))
                if not self._running:
                    return
                for task in await self._wait():
                    yield self._running.pop(task), task.result()
        except BaseException as error:
            await self._leave(error)
            raise

    def _start(self, place: int, work: Coroutine[Any, Any, Any]) -> None:
        self._running[asyncio.create_task(work)] = place

    async def _wait(self) -> list[asyncio.Task[Any]]:
        """Wait until flows have ended, and return their tasks in order."""
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        return sorted(done, key=self._running.__getitem__)

    def _abandon(self) -> None:
        """Have the flows end, and wait for nothing."""
        self._driver.background.cancel(self._running)

    async def _leave(self, error: BaseException) -> None:
        """
        Abandon the flows.

        A failure waits until they are told to end, so that their requests end. The cancellation of the caller's task
        waits until they have cleaned up, as it does for a single flow.
        """
        self._abandon()
        if self._running:
            patience = CLEANUP_SECONDS if isinstance(error, asyncio.CancelledError) else 0
            await asyncio.wait(self._running, timeout=patience)


class Race(Group):
    """
    The flows of a `First`.

    Args:
        driver: Performs them.
        release: Makes the flow that gives back a result which came too late.
    """

    def __init__(self, driver: AsyncDriver, release: Callable[[Any], Flow[None]] | None) -> None:
        super().__init__(driver)
        self._release = release
        self._is_over = False
        self._winner: list[Any] = []

    async def win(self, flows: Iterable[Flow[Any]]) -> Any:  # noqa: ANN401 - whatever the winner returns
        """Perform the flows until one succeeds, and return its result."""
        errors: dict[int, Exception] = {}
        try:
            for place, flow in enumerate(flows):
                self._start(place, self._compete(flow))
            while self._running:
                done = await self._wait()
                if self._winner:
                    super()._abandon()
                    return self._winner.pop()
                for task in done:
                    try:
                        task.result()
                    except Exception as error:  # noqa: BLE001 - it is the caller's only if all fail
                        errors[self._running.pop(task)] = error
        except BaseException as error:
            await self._leave(error)
            raise
        raise join_errors([errors[place] for place in sorted(errors)])

    async def _compete(self, flow: Flow[Any]) -> None:
        result = await self._driver.finish_side(flow)
        if self._is_over:
            self._driver.background.start(self._give_back(result))  # a task of its own, which is not cancelled
        else:
            self._is_over = True
            self._winner.append(result)

    def _abandon(self) -> None:
        self._is_over = True
        if self._winner:
            self._driver.background.start(self._give_back(self._winner.pop()))
        super()._abandon()

    async def _give_back(self, result: object) -> None:
        """Release a result that came too late."""
        if self._release is None:
            return
        try:
            await self._driver.run(self._release(result))
        except Exception as error:  # noqa: BLE001 - no caller waits for it
            logs.emit("release failed", level="warning", error=str(error))
