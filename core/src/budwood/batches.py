"""Batches at vendors, as programs handle them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Unpack

from budwood.engine.batches.engine import BatchMemory
from budwood.engine.batches.record import read_record
from budwood.engine.job_waiting import find_poll_time
from budwood.engine.media_options import WAIT_SECONDS
from budwood.errors import BudwoodError, ConfigurationError
from budwood.jobs import AsyncJob, Job, JobHandle
from budwood.types import ChatResponse, JobState

if TYPE_CHECKING:
    from budwood.engine.batches.requests import BatchRequest
    from budwood.engine.chat.option_types import AskOptions
    from budwood.engine.chat.prompts import Prompt
    from budwood.engine.drivers.asynchronous import AsyncDriver
    from budwood.engine.drivers.blocking import BlockingDriver
    from budwood.engine.job_engine import JobEngine
    from budwood.types import JobRef
    from budwood.types.jobs import Progress, Submitted

Results = list[ChatResponse | BudwoodError]
"""The replies in the order of the requests; in the place of a failed one is its error."""

_EMPTY: Final = JobState(id="", status="succeeded")


class BatchHandle(JobHandle[Results]):
    """
    What is known about a batch.

    Attributes:
        memory: What only the process that submitted it knows, beyond its `JobRef`.
    """

    memory: BatchMemory

    def _start(self, memory: BatchMemory | None) -> None:
        self.memory = memory if memory is not None else BatchMemory()
        self._poll_time = find_poll_time(self.memory.retry_after, self._engine.clock)
        if not read_record(self.ref).parts:  # none of its requests could be sent
            self.state = _EMPTY

    @property
    def failed(self) -> list[int]:
        """
        The indices of the requests whose results are errors.

        Raises:
            ConfigurationError: The results were not read yet.
        """
        if self.memory.results is None:
            raise ConfigurationError("The results of the batch were not read yet.", hint="Call job.result().")
        return [index for index, result in enumerate(self.memory.results) if isinstance(result, BudwoodError)]

    def __len__(self) -> int:
        return len(read_record(self.ref).marks)

    def _choose_again(
        self, requests: Iterable[Prompt | BatchRequest] | None, options: AskOptions
    ) -> Mapping[int, Prompt | BatchRequest]:
        """Return the failed requests by their index."""
        indices = self.failed
        if read_record(self.ref).is_adopted:
            raise ConfigurationError(
                "The job was returned by its id, and does not know its requests.",
                hint="Submit the failed ones as another batch; job.failed has their indices.",
            )
        self.memory.options = options or self.memory.options
        known: Sequence[Prompt | BatchRequest] | None = self.memory.requests if requests is None else list(requests)
        if known is None:
            raise ConfigurationError(
                "The job does not contain its requests.", hint="Pass all of them again: job.resubmit(requests)."
            )
        if len(known) != len(self):
            raise ConfigurationError(f"The job has {len(self)} requests; got {len(known)}.", hint="Pass all of them.")
        return {index: known[index] for index in indices}

    def _restart(self, ref: JobRef) -> None:
        self.ref, self.state, self.memory.results = ref, None, None
        self._poll_time = find_poll_time(self.memory.retry_after, self._engine.clock)


class BatchJob(BatchHandle, Job[Results]):
    """
    A batch: many requests that a vendor answers within a day, at a lower price.

    The vendor continues it when the program ends. `Client.job` returns it again, from what `to_json` returns. That
    contains what the results need, such as schemas, but neither prompts nor secrets.
    """

    def __init__(
        self,
        engine: JobEngine,
        driver: BlockingDriver,
        ref: JobRef,
        state: JobState | None = None,
        memory: BatchMemory | None = None,
    ) -> None:
        super().__init__(engine, driver, ref, state)
        self._start(memory)

    def result(self, *, timeout: float = WAIT_SECONDS, progress: Progress | None = None) -> Results:  # type: ignore[override] # a batch has no file
        """
        Wait until the batch has ended, and return all results in the order of the requests.

        The result of a request without a reply is its error: that of the vendor, or a `BatchItemError` if the batch
        expired or was cancelled, or if its results do not contain the request.

        Args:
            timeout: As for `wait`.
            progress: As for `wait`.

        Raises:
            RequestTimeoutError: It has not ended in time. The vendor continues it.
        """
        if self.memory.results is None:
            self.wait(timeout=timeout, progress=progress)
            self._driver.run(self._engine.batches.fetch(self.ref, self.memory))
        return self.memory.results or []

    def resubmit(
        self,
        requests: Iterable[Prompt | BatchRequest] | None = None,
        *,
        submitted: Submitted | None = None,
        **options: Unpack[AskOptions],
    ) -> None:
        """
        Submit the failed requests again. Then the results are those of all submissions.

        Args:
            requests: All requests of the job, unless this process has submitted it with a list. They must be the same.
            submitted: As for `Client.submit_batch`.
            **options: The options of the batch, unless this process has submitted it. They must be the same.

        Raises:
            ConfigurationError: The results were not read, or the requests are missing.
        """
        again = self._choose_again(requests, options)
        self._restart(self._driver.run(self._engine.batches.resubmit(self.ref, again, self.memory, submitted)))


class AsyncBatchJob(BatchHandle, AsyncJob[Results]):
    """A batch; see `BatchJob`."""

    def __init__(
        self,
        engine: JobEngine,
        driver: AsyncDriver,
        ref: JobRef,
        state: JobState | None = None,
        memory: BatchMemory | None = None,
    ) -> None:
        super().__init__(engine, driver, ref, state)
        self._start(memory)

    async def result(self, *, timeout: float = WAIT_SECONDS, progress: Progress | None = None) -> Results:  # type: ignore[override]
        """Wait until the batch has ended, and return all results; see `BatchJob.result`."""
        if self.memory.results is None:
            await self.wait(timeout=timeout, progress=progress)
            await self._driver.run(self._engine.batches.fetch(self.ref, self.memory))
        return self.memory.results or []

    async def resubmit(
        self,
        requests: Iterable[Prompt | BatchRequest] | None = None,
        *,
        submitted: Submitted | None = None,
        **options: Unpack[AskOptions],
    ) -> None:
        """Submit the failed requests again; see `BatchJob.resubmit`."""
        again = self._choose_again(requests, options)
        self._restart(await self._driver.run(self._engine.batches.resubmit(self.ref, again, self.memory, submitted)))
