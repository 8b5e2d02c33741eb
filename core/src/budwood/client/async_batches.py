"""The methods of the async client for batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from budwood.client.arguments import DEFAULT_CONCURRENCY
from budwood.client.async_jobs import AsyncJobMethods
from budwood.engine.media_options import WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from budwood.batches import AsyncBatchJob, Results
    from budwood.engine.batches.requests import BatchRequest, Lane
    from budwood.engine.chat.option_types import AskOptions
    from budwood.engine.chat.prompts import Prompt
    from budwood.live_batches import AsyncLiveBatch
    from budwood.types.jobs import Progress, Submitted
    from budwood.types.record import JSON


class AsyncBatchMethods(AsyncJobMethods):
    """The methods for batches."""

    async def batch(
        self,
        requests: Iterable[Prompt | BatchRequest],
        *,
        lane: Lane = "batch",
        wait: float = WAIT_SECONDS,
        progress: Progress | None = None,
        creating: Callable[[], object] | None = None,
        submitted: Submitted | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        **options: Unpack[AskOptions],
    ) -> Results:
        """Submit requests as a batch, wait for it, and return all results; see `Client.batch`."""
        from budwood.engine.job_arguments import check_wait

        check_wait(wait, progress)
        job = await self.submit_batch(
            requests, lane=lane, creating=creating, submitted=submitted, concurrency=concurrency, **options
        )
        return await job.result(timeout=wait, progress=progress)

    async def submit_batch(
        self,
        requests: Iterable[Prompt | BatchRequest],
        *,
        lane: Lane = "batch",
        creating: Callable[[], object] | None = None,
        submitted: Submitted | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        **options: Unpack[AskOptions],
    ) -> AsyncBatchJob | AsyncLiveBatch:
        """Submit requests as a batch, and return the job at once; see `Client.submit_batch`."""
        from budwood.batches import AsyncBatchJob
        from budwood.engine.batches.engine import BatchMemory

        batches = self._engine.batches
        if batches.choose_lane(lane, options) == "live":
            return self._start_live(requests, concurrency, options)
        memory = BatchMemory(creating=creating)
        ref = await self._driver.run(batches.submit(requests, options, memory, submitted))
        return AsyncBatchJob(self._engine, self._driver, ref, memory=memory)

    async def submit_batch_file(
        self, file_id: str, *, fields: Mapping[str, JSON] | None = None, **options: Unpack[AskOptions]
    ) -> AsyncBatchJob:
        """Submit a batch whose lines are in a file that the vendor stores; see `Client.submit_batch_file`."""
        from budwood.batches import AsyncBatchJob

        ref, state = await self._driver.run(self._engine.batches.submit_file(file_id, fields or {}, options))
        return AsyncBatchJob(self._engine, self._driver, ref, state)

    def _start_live(
        self, requests: Iterable[Prompt | BatchRequest], concurrency: int, options: AskOptions
    ) -> AsyncLiveBatch:
        from budwood.live_batches import AsyncLiveBatch

        live = self._engine.batches.prepare_live(requests, options, concurrency)
        return AsyncLiveBatch(self._driver, live, concurrency)
