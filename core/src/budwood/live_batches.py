"""Batches of ordinary calls, with the interface of vendors' batches. They end with the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from budwood.engine.batches.results import Result, make_item_error
from budwood.engine.job_waiting import make_timeout
from budwood.engine.media_options import WAIT_SECONDS
from budwood.errors import BudwoodError, ConfigurationError
from budwood.types import JobCounts, JobRef, JobState

if TYPE_CHECKING:
    from budwood.batches import Results
    from budwood.engine.batches.live import LiveCalls
    from budwood.engine.drivers.asynchronous import AsyncDriver
    from budwood.engine.drivers.blocking import BlockingDriver
    from budwood.engine.drivers.effects import Flow
    from budwood.types.jobs import JobStatus, Progress

REPORT_SECONDS: Final = 1.0
"""Seconds between two reports of the progress."""


class LiveResults:
    """
    The results of running calls, as a job.

    Attributes:
        ref: The job, which no other process can continue.
        results: The results so far, by index.
    """

    def __init__(self, provider: str, model: str, total: int, created: float) -> None:
        self.ref = JobRef(kind="batch", provider=provider, model=model, id="live", created=created)
        self.results: dict[int, Result] = {}
        self.is_cancelled = False
        self.failure: BaseException | None = None
        self._total = total
        self._has_ended = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.ref.provider}/{self.ref.model}: {self.status}>"

    @property
    def state(self) -> JobState:
        """The state of the job."""
        failed = sum(isinstance(result, BudwoodError) for result in list(self.results.values()))
        done = len(self.results)
        return JobState(
            id=self.ref.id,
            status=self._status(),
            progress=done / self._total if self._total else 1.0,
            counts=JobCounts(total=self._total, succeeded=done - failed, failed=failed),
        )

    @property
    def id(self) -> str:
        """The id of the job, which is the same for all batches of ordinary calls."""
        return self.ref.id

    @property
    def status(self) -> JobStatus:
        """The status of the job."""
        return self._status()

    @property
    def is_ended(self) -> bool:
        """Whether all calls have ended."""
        return self._has_ended

    @property
    def failed(self) -> list[int]:
        """The indices of the requests whose results are errors."""
        return [index for index, result in sorted(self.results.items()) if isinstance(result, BudwoodError)]

    def to_json(self) -> str:
        """
        Raise an error: ordinary calls end with the process.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(
            "A batch of ordinary calls ends with its process, and cannot be stored.",
            hint='Pass lane="batch", if the vendor has batches.',
        )

    def list_results(self) -> Results:
        """
        Return the results in order; a call that was cancelled has an error in its place.

        Raises:
            BudwoodError: The calls could not be made.
        """
        if self.failure is not None:
            raise self.failure
        return [self.results.get(index) or make_item_error(None, "cancelled") for index in range(self._total)]

    def start_again(self) -> list[int]:
        """Forget the failed results, and return their indices."""
        failed = [index for index in range(self._total) if isinstance(self.results.get(index), BudwoodError | None)]
        for index in failed:
            self.results.pop(index, None)
        self.is_cancelled = self._has_ended = False
        self.failure = None
        return failed

    def finish(self, failure: BaseException | None = None) -> None:
        """Record the end of all calls."""
        self.failure = failure
        self._has_ended = True

    def _status(self) -> JobStatus:
        if not self._has_ended:
            return "running"
        if self.failure is not None:
            return "failed"
        return "cancelled" if self.is_cancelled and len(self.results) < self._total else "succeeded"


class LiveBatch(LiveResults):
    """A batch of ordinary calls, which run in a thread; see `Client.submit_batch` with ``lane="live"``."""

    def __init__(self, driver: BlockingDriver, calls: LiveCalls, concurrency: int) -> None:
        super().__init__(**calls.facts)
        self._driver, self._calls, self._concurrency = driver, calls, concurrency
        self._start(calls.flows, range(self._total))

    def resubmit(self) -> None:
        """Send the failed requests again, once all calls have ended."""
        self.wait()
        failed = self.start_again()
        self._start(self._calls.again(failed), failed)

    def poll(self) -> JobState:
        """Return the state."""
        return self.state

    def wait(self, *, timeout: float = WAIT_SECONDS, progress: Progress | None = None) -> JobState:
        """
        Wait until all calls have ended.

        Raises:
            RequestTimeoutError: They have not ended in time. They continue.
        """
        left = timeout
        while not self._are_done.is_set():
            self._are_done.wait(min(left, REPORT_SECONDS))
            left -= REPORT_SECONDS
            if progress is not None:
                progress(self.state)
            if left <= 0 and not self._are_done.is_set():
                raise make_timeout(self.ref, timeout)
        self._thread.join()
        return self.state

    def cancel(self) -> JobState:
        """Start no more calls, and end those that are running as soon as one of them completes."""
        self.is_cancelled = True
        return self.state

    def result(self, *, timeout: float = WAIT_SECONDS, progress: Progress | None = None) -> Results:
        """Wait until all calls have ended, and return the results in the order of the requests."""
        self.wait(timeout=timeout, progress=progress)
        return self.list_results()

    def _start(self, flows: Iterator[Flow[Result]], indices: Sequence[int]) -> None:
        results = self._driver.as_completed(flows, self._concurrency)
        self._are_done = threading.Event()  # after an interrupt of its join, Python 3.11 takes a thread for stopped
        self._thread = threading.Thread(
            target=self._run, args=(results, indices), name="budwood-live-batch", daemon=True
        )
        self._thread.start()

    def _run(self, results: Generator[tuple[int, Result], None, None], indices: Sequence[int]) -> None:
        try:
            for number, result in results:
                self.results[indices[number]] = result
                if self.is_cancelled:
                    results.close()
        except BaseException as error:  # noqa: BLE001 - raised by `list_results`
            self.finish(error)
        else:
            self.finish()
        finally:
            self._are_done.set()


class AsyncLiveBatch(LiveResults):
    """A batch of ordinary calls, which run in a task; see `LiveBatch`."""

    def __init__(self, driver: AsyncDriver, calls: LiveCalls, concurrency: int) -> None:
        super().__init__(**calls.facts)
        self._driver, self._calls, self._concurrency = driver, calls, concurrency
        self._start(calls.flows, range(self._total))

    async def resubmit(self) -> None:
        """Send the failed requests again; see `LiveBatch.resubmit`."""
        await self.wait()
        failed = self.start_again()
        self._start(self._calls.again(failed), failed)

    async def poll(self) -> JobState:
        """Return the state."""
        return self.state

    async def wait(self, *, timeout: float = WAIT_SECONDS, progress: Progress | None = None) -> JobState:
        """Wait until all calls have ended; see `LiveBatch.wait`."""
        left = timeout
        while not self._task.done():
            await asyncio.wait([self._task], timeout=min(left, REPORT_SECONDS))
            left -= REPORT_SECONDS
            if progress is not None:
                progress(self.state)
            if left <= 0 and not self._task.done():
                raise make_timeout(self.ref, timeout)
        return self.state

    async def cancel(self) -> JobState:
        """Cancel the running calls, and start no more."""
        self.is_cancelled = True
        self._task.cancel()
        await asyncio.wait([self._task])
        return self.state

    async def result(self, *, timeout: float = WAIT_SECONDS, progress: Progress | None = None) -> Results:
        """Wait until all calls have ended, and return the results in the order of the requests."""
        await self.wait(timeout=timeout, progress=progress)
        return self.list_results()

    def _start(self, flows: Iterator[Flow[Result]], indices: Sequence[int]) -> None:
        results = self._driver.as_completed(flows, self._concurrency)
        self._task = asyncio.ensure_future(self._run(results, indices))

    async def _run(self, results: AsyncGenerator[tuple[int, Result], None], indices: Sequence[int]) -> None:
        try:
            async for number, result in results:
                self.results[indices[number]] = result
        except asyncio.CancelledError:
            await results.aclose()
            self.is_cancelled = True
            self.finish()
        except BaseException as error:  # noqa: BLE001 - raised by `list_results`
            self.finish(error)
        else:
            self.finish()
