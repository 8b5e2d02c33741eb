"""`All` and `First` under the blocking driver: each flow runs in a thread."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from budwood import logs
from budwood.engine.drivers.background import PAUSES
from budwood.engine.drivers.effects import CLEANUP_SECONDS, Abandoned, Flow, join_errors
from budwood.engine.drivers.latch import Latch, waking
from budwood.engine.drivers.sides import Side

if TYPE_CHECKING:
    from budwood.engine.drivers.blocking import BlockingDriver

_SIGNAL_SECONDS: Final = 0.5
"""A thread that waits for a lock may miss Control-C, and on Windows always does. It looks for it this often."""


class Group:
    """
    Flows that run side by side: those of an `All`.

    Args:
        driver: Performs them.
        parent: The flow that waits for them, if it is itself one of a group.

    Attributes:
        abandoned: Set when the flows are to end.
        overdue: Set when their cleaning up takes too long.
    """

    def __init__(self, driver: BlockingDriver, parent: Side | None) -> None:
        self.driver = driver
        self.abandoned = Latch()
        self.overdue = Latch()
        self._parent_signal = None if parent is None else parent.signal
        self._lock = threading.Lock()
        self._sides: set[Side] = set()  # those that have not ended
        self._started: SimpleQueue[Side | None] = SimpleQueue()
        self._ended: SimpleQueue[Side | None] = SimpleQueue()
        self._workers = 0
        self._abandoned_at = 0.0

    def run(self, flows: Iterable[Flow[Any]], limit: int) -> list[Any]:
        """Perform the flows, and return their results in order."""
        results: dict[int, Any] = dict(self.completed(flows, limit))
        return [results[place] for place in range(len(results))]

    def completed(self, flows: Iterable[Flow[Any]], limit: int) -> Generator[tuple[int, Any], None, None]:
        """Perform the flows; yield each result with its place, in the order in which the flows end."""
        waiting = enumerate(flows)
        running = 0
        with self._ended_on_error():
            while True:
                while running < limit and (item := next(waiting, None)) is not None:
                    running += 1
                    self._start(Side(self, *item), running)
                if not running:
                    return
                side = self._wait()
                running -= 1
                yield side.place, side.result()

    def interrupt(self) -> bool:
        """End what the flows wait for, and tell whether no more can be done."""
        late = time.monotonic() - self._abandoned_at
        if late >= CLEANUP_SECONDS:
            self.overdue.set()
        sides = self._running()
        for side in sides:
            side.interrupt()
        return not sides or late >= 2 * CLEANUP_SECONDS

    @contextlib.contextmanager
    def _ended_on_error(self) -> Iterator[None]:
        try:
            with waking(lambda: self._ended.put(None), self._parent_signal):
                yield
        except BaseException:
            self._abandon()
            self._wait_until_nothing_is_sent()
            raise
        finally:
            for _ in range(self._workers):
                self._started.put(None)

    def _start(self, side: Side, running: int) -> None:
        if running > self._workers:
            # A daemon does not delay the end of the program where it was abandoned within a tool.
            threading.Thread(target=self._work, name="budwood-side", daemon=True).start()
            self._workers += 1
        with self._lock:
            self._sides.add(side)
        self._started.put(side)

    def _work(self) -> None:
        while (side := self._started.get()) is not None:
            side.run()
            self._end(side)

    def _end(self, side: Side, *, is_late: bool = False) -> None:
        """Hand over a flow that has ended, unless it is late."""
        with self._lock:
            self._sides.discard(side)
            is_last = not self._sides
        if not is_late:
            self._ended.put(side)
        if is_last and self.abandoned.is_set:
            self.driver.background.discard(self)

    def _wait(self) -> Side:
        """Wait until one of the flows has ended."""
        while True:
            with contextlib.suppress(Empty):
                side = self._ended.get(timeout=_SIGNAL_SECONDS)
                if side is None:
                    raise Abandoned
                return side

    def _running(self) -> tuple[Side, ...]:
        with self._lock:
            return tuple(self._sides)

    def _abandon(self) -> None:
        """Have the flows end, and wait for nothing."""
        self._abandoned_at = time.monotonic()
        self.abandoned.set()
        if not self.interrupt():
            self.driver.background.add(self)

    def _wait_until_nothing_is_sent(self) -> None:
        """Wait until all flows are told to end, so that their requests end; only briefly for one that connects."""
        for pause in PAUSES:
            if not any(side.is_sending() for side in self._running()):
                return
            time.sleep(pause)
            self.interrupt()


class Race(Group):
    """
    The flows of a `First`.

    Args:
        driver: Performs them.
        parent: The flow that waits for them, if it is itself one of a group.
        release: Makes the flow that gives back a result which came too late.
    """

    def __init__(
        self, driver: BlockingDriver, parent: Side | None, release: Callable[[Any], Flow[None]] | None
    ) -> None:
        super().__init__(driver, parent)
        self._release = release
        self._winner: Side | None = None
        self._is_over = False

    def win(self, flows: Iterable[Flow[Any]]) -> Any:  # noqa: ANN401 - whatever the winner returns
        """Perform the flows until one succeeds, and return its result."""
        errors: dict[int, Exception] = {}
        sides = [Side(self, *item) for item in enumerate(flows)]
        with self._ended_on_error():
            for running, side in enumerate(sides, 1):
                self._start(side, running)
            while len(errors) < len(sides):
                side = self._wait()
                if isinstance(side.error, Exception):
                    errors[side.place] = side.error
                    continue
                result = side.result()
                super()._abandon()
                self._winner = None
                return result
            raise join_errors([errors[place] for place in range(len(sides))])

    def _end(self, side: Side, *, is_late: bool = False) -> None:
        if side.error is None:
            with self._lock:
                is_late = self._is_over
                if not is_late:
                    self._is_over, self._winner = True, side
        if is_late:
            self._give_back(side)
        super()._end(side, is_late=is_late)

    def _abandon(self) -> None:
        with self._lock:
            self._is_over = True
            winner, self._winner = self._winner, None
        super()._abandon()
        if winner is not None:
            self._give_back(winner)

    def _give_back(self, side: Side) -> None:
        """Release a result that came too late."""
        if self._release is None:
            return
        try:
            self.driver.run(self._release(side.value))
        except Exception as error:  # noqa: BLE001 - no caller waits for it
            logs.emit("release failed", level="warning", error=str(error))
