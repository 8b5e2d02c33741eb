"""The sink of a run: delivers rows from the journal to the storage, behind the calls."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Final, Self

from budwood import logs
from budwood.contracts import Storage
from budwood.errors import BudwoodError, ConfigurationError, PluginError
from budwood.types import Dataset, Row
from budwood_generation.errors import JournalError
from budwood_generation.journal import Delivered, Journal

BATCH_ROWS: Final = 500
"""The maximum number of rows in a batch. One batch is in memory at a time."""
DELIVERY_SECONDS: Final = 5.0
"""The time between two deliveries."""
FIRST_DELAY: Final = 1.0
MAX_DELAY: Final = 60.0
"""Bounds of the delay after a failure, in seconds. It doubles with each failure."""
CLOSE_SECONDS: Final = 8.0
"""How long an interrupted run waits for the storage. What is not delivered is delivered when the run is resumed."""

_PERMANENT_ERRORS: Final = (ConfigurationError, PluginError)
"""Errors that do not end without the user. At the end of a run they are not tried again."""


class _StoppedError(BudwoodError):
    """The run was stopped while the output was being finished. The storage leaves it as it was."""


def _wait(event: threading.Event, seconds: float) -> None:
    event.wait(seconds)


class Sink:
    """
    Delivers the rows of a run to a storage, in a thread. A storage that fails or hangs stops no call.

    All methods of the storage are called in this thread. The journal records what is delivered: after a crash, the
    batch that was under way is delivered again.

    Args:
        storage: The storage.
        journal: The journal of the run.
        dataset: What the storage receives first.
        complete: Returns a row of the journal as it is stored.
        on_finish: Called after the output is finished.
        patience: Seconds for which `finish` tries again while the storage fails.
        report: Called with the reason while the storage fails, and with None when it works again. In the thread.
        monotonic: Returns the time in seconds.
        wait: Waits until an event is set, at most for a number of seconds.
    """

    def __init__(
        self,
        storage: Storage,
        journal: Journal,
        dataset: Dataset,
        *,
        complete: Callable[[Row], Row],
        on_finish: Callable[[], None],
        patience: float,
        report: Callable[[str | None], None],
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], None] = _wait,
    ) -> None:
        self._storage = storage
        self._journal = journal
        self._dataset = dataset
        self._complete = complete
        self._on_finish = on_finish
        self._patience = patience
        self._report = report
        self._monotonic = monotonic
        self._wait = wait
        self._wake = threading.Event()
        self._is_finishing = False
        self._is_stopped = False
        self._delay = 0.0
        self._deadline: float | None = None
        self._begun: Future[None] = Future()
        self._result: Future[int] = Future()
        self._ended: Future[None] = Future()
        for future in (self._begun, self._result, self._ended):
            future.set_running_or_notify_cancel()  # a task that is cancelled while it waits does not cancel them
        self._thread = threading.Thread(target=self._work, name="budwood-sink", daemon=True)

    async def __aenter__(self) -> Self:
        """
        Start the thread, and begin the dataset.

        Raises:
            BudwoodError, OSError: The storage cannot be used.
        """
        self._thread.start()
        try:
            await asyncio.wrap_future(self._begun)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop delivering, and close the storage. A storage that hangs is left behind after `CLOSE_SECONDS`."""
        await self._stop()

    async def finish(self) -> int:
        """
        Deliver the rows that are left, and finish the output. Returns its number of rows.

        Raises:
            BudwoodError, OSError: The storage failed for longer than ``patience``, or the journal failed.
        """
        self._is_finishing = True
        self._wake.set()
        return await asyncio.wrap_future(self._result)

    async def _stop(self) -> None:
        self._is_stopped = True
        self._wake.set()
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._ended)), CLOSE_SECONDS)
        except TimeoutError:
            logs.emit("storage not closed", level="warning", dataset=self._dataset.name, seconds=CLOSE_SECONDS)

    def _work(self) -> None:
        future: Future[None] | Future[int] = self._begun
        try:
            self._storage.begin(self._dataset)
            self._begun.set_result(None)
            future = self._result
            count = self._deliver_all()
            self._storage.close()
            self._result.set_result(count)
        except BaseException as error:  # noqa: BLE001 - the task of the run receives it
            self._close_after(error)
            future.set_exception(error)
        finally:
            self._ended.set_result(None)

    def _close_after(self, error: BaseException) -> None:
        try:
            self._storage.close()
        except (BudwoodError, OSError) as problem:
            error.add_note(f"The storage cannot be closed: {problem}")

    def _deliver_all(self) -> int:
        """Deliver until the run ends. Returns the number of rows in the output; 0 if the run was stopped."""
        while not self._is_stopped:
            self._wake.clear()  # before the flags are read: `finish` sets them first
            is_last = self._is_finishing
            try:
                self._deliver_batches(is_last=is_last)
                if is_last and not self._is_stopped:
                    count = self._storage.finish(self._rows())
                    self._on_finish()
                    return count
            except JournalError:
                raise
            except (BudwoodError, OSError) as error:
                if self._is_stopped:
                    raise
                self._record_failure(error, is_last=is_last)
                self._wait(self._wake, self._delay)
            else:
                self._record_success()
                self._wait(self._wake, DELIVERY_SECONDS)
        return 0

    def _deliver_batches(self, *, is_last: bool) -> None:
        """
        Deliver full batches and one that is not full; at the end of the run, all.

        Rows that are finished in the meantime wait for the next delivery: some storages create an object per batch.
        """
        rows = self._deliver_batch()
        while rows == BATCH_ROWS or (is_last and rows > 0):
            rows = self._deliver_batch()

    def _deliver_batch(self) -> int:
        """Deliver a batch. Returns its number of rows."""
        batch = None if self._is_stopped else self._journal.next_batch(BATCH_ROWS)
        if batch is None:
            return 0
        self._storage.put(tuple(map(self._complete, batch.rows)))
        self._journal.commit(Delivered(until=batch.until)).result()
        self._record_success()
        return len(batch.rows)

    def _rows(self) -> Iterator[Row]:
        for row in self._journal.rows():
            if self._is_stopped:
                raise _StoppedError("The run was stopped.")
            yield self._complete(row)

    def _record_failure(self, error: BudwoodError | OSError, *, is_last: bool) -> None:
        """
        Report a failure, and set the delay.

        Raises:
            BudwoodError, OSError: The error, if this was the last attempt.
        """
        now = self._monotonic()
        if is_last and self._deadline is None:
            self._deadline = now + self._patience
        if self._deadline is not None and (isinstance(error, _PERMANENT_ERRORS) or now >= self._deadline):
            raise error
        self._delay = min(self._delay * 2 or FIRST_DELAY, MAX_DELAY)
        if self._deadline is not None:
            self._delay = min(self._delay, self._deadline - now)
        logs.emit("storage failed", level="warning", dataset=self._dataset.name, error=str(error), delay=self._delay)
        self._report(f"the storage failed, next attempt in {self._delay:.0f} s: {error}")

    def _record_success(self) -> None:
        if self._delay:
            self._delay, self._deadline = 0.0, None
            self._report(None)
