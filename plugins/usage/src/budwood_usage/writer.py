"""Write the records of calls in the background."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol
from weakref import WeakSet

from budwood.contracts import EmitLog
from budwood.errors import ConfigurationError
from budwood_usage.rows import Collected, make_rows

FLUSH_SECONDS: Final = 1.0
"""Seconds for which records are collected before they are written."""

BATCH: Final = 500
"""The number of records that are written at once, without waiting longer."""

MAX_WAITING: Final = 100_000
"""The number of records that wait while the store cannot be written. Further ones are dropped, and counted."""

WRITE_SECONDS: Final = 5.0
"""Seconds that a batch waits for another process to finish writing."""

CLOSE_SECONDS: Final = 5.0
"""Seconds for which the end of a client waits for the last records."""

EXIT_SECONDS: Final = 2.0
"""Seconds for which the end of the program waits for the last records of clients that were not closed."""

IDLE_SECONDS: Final = 10.0
"""Seconds without records after which the thread ends. The next record starts another one."""

MAX_PAUSE: Final = 60.0
"""Seconds between two attempts to write to a store that fails. They double up to the maximum."""


class Rows(Protocol):
    """
    Where rows are written.

    Attributes:
        is_remote: Whether a write may hang: then the end of the program leaves it to the thread, and waits for that.
    """

    @property
    def is_remote(self) -> bool:
        """Whether a write may hang."""
        ...

    def write(self, rows: Sequence[tuple[Any, ...]], dropped: int, seconds: float) -> None:
        """
        Write rows in one transaction, and add to the number of dropped ones.

        Args:
            rows: The rows.
            dropped: How many calls were dropped since the last write.
            seconds: How long it may take at most.

        Raises:
            OSError: The store cannot be written now.
            ConfigurationError: It can never be written: it is of a newer version, or its address is wrong.
        """
        ...

    def close(self) -> None:
        """Release the connection. The next use opens it again."""
        ...


class Writer:
    """
    Collects records and writes them in a thread, in batches.

    The thread starts with the first record. A forked process starts its own, and drops what its parent has collected.

    `add` uses no lock that can be held already: garbage collection may end a stream, and so record its call, in any
    thread at any point.

    Args:
        rows: Where they are written.
        log: Receives one event when writing fails, and one when it works again.
    """

    _thread: threading.Thread | None
    _wake: SimpleQueue[object] | None
    _is_idle: bool

    def __init__(self, rows: Rows, log: EmitLog) -> None:
        self._rows = rows
        self._log = log
        self._is_off = False
        self._reset()
        _writers.add(self)

    @property
    def dropped(self) -> int:
        """The number of calls that were dropped, and are not counted in the store yet."""
        return len(self._dropped)

    def add(self, ended: Collected) -> None:
        """Add a record. It does no I/O."""
        waiting = self._waiting
        if self._is_off:
            return
        if len(waiting) >= MAX_WAITING:
            self._dropped.append(None)
            return
        waiting.append(ended)
        wake = self._wake
        if wake is None:
            self._start()
        elif self._is_idle:
            self._is_idle = False
            wake.put(None)
        elif len(waiting) == BATCH:
            wake.put(None)

    def flush(self, seconds: float | None = None) -> bool:
        """
        Write what has been collected, in this thread; wait for another one that writes.

        Args:
            seconds: How long it may take at most.

        Returns:
            Whether no other thread writes.
        """
        end = None if seconds is None else time.monotonic() + seconds
        if not self._writing.acquire(timeout=-1 if seconds is None else seconds):
            return False
        try:
            self._write_all(end)
        finally:
            self._writing.release()
        return True

    def finish(self, seconds: float) -> bool:
        """
        Write what has been collected, and end the thread. Later records start another one.

        The log has the number of records that could not be written.

        Returns:
            Whether the thread has ended its work.
        """
        (wake, thread), self._wake = (self._wake, self._thread), None
        if wake is not None:
            wake.put(_STOP)
        if not self._rows.is_remote or thread is None:
            has_ended = self.flush(seconds)
        else:
            thread.join(seconds)
            has_ended = not thread.is_alive()
        if self._waiting:
            self._log("usage records not written", level="warning", waiting=len(self._waiting))
        return has_ended

    def close(self) -> None:
        """Write what has been collected, end the thread, and close the store."""
        if self.finish(CLOSE_SECONDS):
            self._rows.close()

    def after_fork(self) -> None:
        """Drop what the parent process writes, and its thread and locks."""
        self._reset()

    def _reset(self) -> None:
        self._waiting: deque[Collected] = deque()
        self._dropped: deque[None] = deque()  # its length is a counter that threads may change at once
        self._thread = None
        self._wake = None  # of the thread; its `put` can interrupt itself
        self._is_idle = False
        self._starting = threading.Lock()
        self._writing = threading.Lock()
        self._failures = 0
        self._is_dropping = False

    def _start(self) -> None:
        """Start a thread if there is none. Who finds the lock held leaves it to its holder, which looks once more."""
        while self._waiting and self._wake is None and self._starting.acquire(blocking=False):
            try:
                if self._wake is None:
                    self._start_thread()
            except RuntimeError:
                self._thread = self._wake = None  # the program is ending, and writes the rest itself
                return
            finally:
                self._starting.release()

    def _start_thread(self) -> None:
        _flush_at_exit_of_child()
        wake: SimpleQueue[object] = SimpleQueue()
        thread = threading.Thread(target=self._run, args=(wake,), name="budwood-usage", daemon=True)
        self._thread, self._wake = thread, wake  # before the thread may end, and resets it
        thread.start()

    def _run(self, wake: SimpleQueue[object]) -> None:
        self._write_until_stopped(wake)
        if self._rows.is_remote:
            self.flush(CLOSE_SECONDS)

    def _write_until_stopped(self, wake: SimpleQueue[object]) -> None:
        while self._waiting or self._wait_for_record(wake):
            if len(self._waiting) < BATCH and not self._sleep(wake, FLUSH_SECONDS):
                return
            self.flush()
            if self._failures and not self._pause(wake):
                return

    def _wait_for_record(self, wake: SimpleQueue[object]) -> bool:
        """Return whether the thread goes on."""
        self._is_idle = True
        try:
            return bool(self._waiting) or wake.get(timeout=IDLE_SECONDS) is not _STOP
        except Empty:
            self._retire(wake)
            return False

    def _retire(self, wake: SimpleQueue[object]) -> None:
        if self._wake is wake:
            self._wake = None
        if self._waiting:  # a record was added in between
            self._start()

    def _sleep(self, wake: SimpleQueue[object], seconds: float) -> bool:
        """Wait, at most until there is a batch. Return whether the thread goes on: the client is not closed."""
        self._is_idle = False
        try:
            return wake.get(timeout=seconds) is not _STOP
        except Empty:
            return True

    def _pause(self, wake: SimpleQueue[object]) -> bool:
        """Wait longer after each failure. Return whether the thread goes on."""
        end = time.monotonic() + min(FLUSH_SECONDS * 2**self._failures, MAX_PAUSE)
        while (left := end - time.monotonic()) > 0:
            if not self._sleep(wake, left):
                return False
        return True

    def _write_all(self, end: float | None) -> None:
        while (self._waiting or self._dropped) and not self._is_off:
            left = WRITE_SECONDS if end is None else end - time.monotonic()
            if left <= 0 or not self._write_batch(left):
                return

    def _write_batch(self, seconds: float) -> bool:
        """Write the oldest records. Return whether the store has accepted them."""
        waiting, counted = self._waiting, len(self._dropped)
        batch = [waiting[index] for index in range(min(len(waiting), BATCH))]
        rows, invalid = make_rows(batch)
        try:
            self._rows.write(rows, counted + invalid, seconds)
        except ConfigurationError as error:
            self._turn_off(error)
            return False
        except Exception as error:  # noqa: BLE001 - the thread must go on whatever the store raises
            self._report(error)
            return False
        for _ in batch:
            waiting.popleft()
        for _ in range(counted):
            self._dropped.popleft()
        if self._failures:
            self._log("usage store works again", dropped=counted)
        self._failures, self._is_dropping = 0, False
        return True

    def _report(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1:
            reason = str(error) if isinstance(error, OSError) else None
            self._log("usage store failed", level="warning", error=type(error).__name__, reason=reason)
        if self._dropped and not self._is_dropping:
            self._is_dropping = True
            self._log("usage records dropped", level="warning", waiting=len(self._waiting))

    def _turn_off(self, error: ConfigurationError) -> None:
        self._is_off = True
        self._waiting.clear()
        if (reason := str(error)) not in _warnings:  # a program may have many clients
            _warnings.add(reason)
            self._log("usage is not recorded", level="warning", reason=reason)


_STOP: Final = object()
_writers: WeakSet[Writer] = WeakSet()
_warnings: set[str] = set()
"""Why stores of this process cannot be used."""

_children: set[int] = set()
"""The process that has called `_flush_at_exit_of_child`."""


def _each(work: Callable[[Writer], object]) -> None:
    for writer in list(_writers):
        work(writer)


@atexit.register
def _flush_all() -> None:
    """Write the last records of a program that did not close its clients."""
    end = time.monotonic() + EXIT_SECONDS
    _each(lambda writer: writer.finish(max(end - time.monotonic(), 0.0)))


def _flush_at_exit_of_child() -> None:
    """Write the last records of a child process of `multiprocessing`, which does not call the functions of `atexit`."""
    module = sys.modules.get("multiprocessing.process")
    if module is None or module.parent_process() is None or os.getpid() in _children:
        return
    from multiprocessing.util import Finalize

    _children.add(os.getpid())
    Finalize(None, _flush_all, exitpriority=0)


if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(after_in_child=lambda: _each(Writer.after_fork))
