"""Run the flows of `All` and `First` with blocking I/O, each in a thread."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from budwood import logs
from budwood.engine.drivers.background import PAUSES
from budwood.engine.drivers.effects import CLEANUP_SECONDS, Abandoned, Flow, Start, join_errors
from budwood.engine.drivers.group_member import GroupMember
from budwood.engine.drivers.latch import Latch, wake_when_set

if TYPE_CHECKING:
    from budwood.engine.drivers.blocking import BlockingDriver

_SIGNAL_SECONDS: Final = 0.5
"""A thread that waits for a lock may miss Control-C, and on Windows always does, so it wakes up this often."""


class Group:
    """
    The flows of an `All`, which run in parallel.

    Args:
        driver: Performs them.
        parent: The flow that waits for them, if it is a member of a group itself.

    Attributes:
        abandoned: Set when the flows must end.
        overdue: Set when their cleanup takes too long.
    """

    def __init__(self, driver: BlockingDriver, parent: GroupMember | None) -> None:
        self.driver = driver
        self.abandoned = Latch()
        self.overdue = Latch()
        self._parent_signal = None if parent is None else parent.signal
        self._lock = threading.Lock()
        self._members: set[GroupMember] = set()  # that have not ended
        self._started: SimpleQueue[GroupMember | None] = SimpleQueue()
        self._ended: SimpleQueue[GroupMember | None] = SimpleQueue()
        self._workers = 0
        self._abandoned_at = 0.0

    def run(self, flows: Iterable[Flow[Any]], limit: int) -> list[Any]:
        """Perform the flows, and return their results in order."""
        results: dict[int, Any] = dict(self.completed(flows, limit))
        return [results[index] for index in range(len(results))]

    def completed(self, flows: Iterable[Flow[Any]], limit: int) -> Generator[tuple[int, Any], None, None]:
        """Perform the flows; yield the index and result of each, in the order in which they end."""
        waiting = enumerate(flows)
        running = 0
        with self._abandon_on_error():
            while True:
                while running < limit and (item := next(waiting, None)) is not None:
                    running += 1
                    self._start(GroupMember(self, *item), running)
                if not running:
                    return
                member = self._wait()
                running -= 1
                yield member.index, member.result()

    def interrupt(self) -> bool:
        """End the waits of the flows, and tell whether no more can be done."""
        late = time.monotonic() - self._abandoned_at
        if late >= CLEANUP_SECONDS:
            self.overdue.set()
        members = self._running()
        for member in members:
            member.interrupt()
        return not members or late >= 2 * CLEANUP_SECONDS

    @contextlib.contextmanager
    def _abandon_on_error(self) -> Iterator[None]:
        try:
            with wake_when_set(lambda: self._ended.put(None), self._parent_signal):
                yield
        except BaseException:
            self._abandon()
            self._wait_until_no_request_is_sent()
            raise
        finally:
            for _ in range(self._workers):
                self._started.put(None)

    def _start(self, member: GroupMember, running: int) -> None:
        if running > self._workers:
            self._workers += 1  # before it starts, since Control-C may interrupt this thread as soon as it has
            # A daemon does not delay the end of the program if a tool is still running.
            threading.Thread(target=self._work, name="budwood-flow", daemon=True).start()
        with self._lock:
            self._members.add(member)
        self._started.put(member)

    def _work(self) -> None:
        while (member := self._started.get()) is not None:
            member.run()
            self._end(member)

    def _end(self, member: GroupMember, *, is_late: bool = False) -> None:
        """Report a flow that has ended, unless it is late."""
        with self._lock:
            self._members.discard(member)
            is_last = not self._members
        if not is_late:
            self._ended.put(member)
        if is_last and self.abandoned.is_set:
            self.driver.background.discard(self)

    def _wait(self) -> GroupMember:
        """Wait until one of the flows has ended."""
        while True:
            with contextlib.suppress(Empty):
                member = self._ended.get(timeout=_SIGNAL_SECONDS)
                if member is None:
                    raise Abandoned
                return member

    def _running(self) -> tuple[GroupMember, ...]:
        with self._lock:
            return tuple(self._members)

    def _abandon(self) -> None:
        """Tell the flows to end, without waiting."""
        self._abandoned_at = time.monotonic()
        self.abandoned.set()
        if not self.interrupt():
            self.driver.background.add(self)

    def _wait_until_no_request_is_sent(self) -> None:
        """Wait until all flows know that they must end, so that their requests end; briefly for one that connects."""
        for pause in PAUSES:
            if not any(member.is_waiting_for_server() for member in self._running()):
                return
            time.sleep(pause)
            self.interrupt()


class Race(Group):
    """
    The flows of a `First`, which run in parallel.

    Args:
        driver: Performs them.
        parent: The flow that waits for them, if it is a member of a group itself.
        release: Creates the flow that releases a result which came too late.
    """

    def __init__(
        self, driver: BlockingDriver, parent: GroupMember | None, release: Callable[[Any], Flow[None]] | None
    ) -> None:
        super().__init__(driver, parent)
        self._release = release
        self._winner: GroupMember | None = None
        self._is_over = False

    def run_race(self, flows: Iterable[Flow[Any]]) -> Any:  # noqa: ANN401 - any result of a flow
        """Perform the flows until one succeeds, and return its result."""
        errors: dict[int, Exception] = {}
        members = [GroupMember(self, *item) for item in enumerate(flows)]
        with self._abandon_on_error():
            for running, member in enumerate(members, 1):
                self._start(member, running)
            while len(errors) < len(members):
                member = self._wait()
                if isinstance(member.error, Exception):
                    errors[member.index] = member.error
                    continue
                result = member.result()
                super()._abandon()
                self._winner = None
                return result
            raise join_errors([errors[index] for index in range(len(members))])

    def _end(self, member: GroupMember, *, is_late: bool = False) -> None:
        if member.error is None:
            with self._lock:
                is_late = self._is_over
                if not is_late:
                    self._is_over, self._winner = True, member
        if is_late:
            self._release_late_result(member)
        super()._end(member, is_late=is_late)

    def _abandon(self) -> None:
        with self._lock:
            self._is_over = True
            winner, self._winner = self._winner, None
        super()._abandon()
        if winner is not None:
            self._release_late_result(winner)

    def _release_late_result(self, member: GroupMember) -> None:
        """Release a result that came too late."""
        if self._release is None:
            return
        try:
            self.driver.run(self._release(member.value))
        except Exception as error:  # noqa: BLE001 - no caller waits for it
            logs.emit("release failed", level="warning", error=str(error))


class StartedFlow(Group):
    """
    A flow that runs in the background, in a thread of its own.

    Args:
        driver: Performs it.
        effect: The flow, and what is called at its end.
    """

    def __init__(self, driver: BlockingDriver, effect: Start) -> None:
        super().__init__(driver, None)
        self._notify = effect.ended
        driver.started.add(self)
        try:
            with self._abandon_on_error():  # the thread ends with the flow
                self._start(GroupMember(self, 0, effect.flow), 1)
        except BaseException:
            driver.started.discard(self)
            raise

    def is_alive(self) -> bool:
        """Tell whether it is performed. Its thread ends with it."""
        return True

    def cancel(self) -> None:
        """Abandon the flow, from any thread."""
        self._abandon()

    def _end(self, member: GroupMember, *, is_late: bool = False) -> None:
        super()._end(member, is_late=is_late)
        self.driver.started.discard(self)
        self._notify()
