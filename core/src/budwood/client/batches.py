"""The methods of the blocking client for batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from budwood.client.arguments import DEFAULT_CONCURRENCY
from budwood.client.jobs import JobMethods
from budwood.engine.media_options import WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from budwood.batches import BatchJob, Results
    from budwood.engine.batches.requests import BatchRequest, Lane
    from budwood.engine.chat.option_types import AskOptions
    from budwood.engine.chat.prompts import Prompt
    from budwood.live_batches import LiveBatch
    from budwood.types.jobs import Progress, Submitted
    from budwood.types.record import JSON


class BatchMethods(JobMethods):
    """The methods for batches."""

    def batch(
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
        """
        Submit requests as a batch, wait for it, and return all results.

        Vendors answer batches within a day, at a lower price. Tools are not run: the calls are in the replies. Output
        that does not satisfy the schema is an error, and is not repaired.

        Args:
            requests: Prompts as for `ask`, or `BatchRequest`, each with options of its own. An iterator is read while
                the requests are written to a file.
            lane: ``"batch"``; ``"live"`` for ordinary calls at once, with the same results; ``"auto"`` for a batch if
                the vendor has batches.
            wait: Seconds to wait for the batch; by default a day. The option ``timeout`` limits each request.
            progress: Called with each state of the job.
            creating: Called before each request that creates a batch. A program that is killed until ``submitted`` is
                called does not know whether the vendor has created it.
            submitted: Called with the `JobRef` after each batch at the vendor was created, to store it.
            concurrency: How many ordinary calls run at once.
            **options: As for `ask`; they apply to all requests.

        Returns:
            The replies in the order of the requests; in the place of a failed one is its error.

        Raises:
            UnsupportedError: The vendor has no batches. Nothing was sent.
            RequestTimeoutError: The batch has not ended in time. The vendor continues it: ``client.job(error.job)``.
        """
        from budwood.engine.job_arguments import check_wait

        check_wait(wait, progress)
        job = self.submit_batch(
            requests, lane=lane, creating=creating, submitted=submitted, concurrency=concurrency, **options
        )
        return job.result(timeout=wait, progress=progress)

    def submit_batch(
        self,
        requests: Iterable[Prompt | BatchRequest],
        *,
        lane: Lane = "batch",
        creating: Callable[[], object] | None = None,
        submitted: Submitted | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        **options: Unpack[AskOptions],
    ) -> BatchJob | LiveBatch:
        """
        Submit requests as a batch, and return the job at once. The arguments are those of `batch`.

        A batch larger than the vendor takes is split. If the submission of a later part fails, its requests have
        errors in place of replies, and can be submitted again.
        """
        from budwood.batches import BatchJob
        from budwood.engine.batches.engine import BatchMemory

        batches = self._engine.batches
        if batches.choose_lane(lane, options) == "live":
            return self._start_live(requests, concurrency, options)
        memory = BatchMemory(creating=creating)
        ref = self._driver.run(batches.submit(requests, options, memory, submitted))
        return BatchJob(self._engine, self._driver, ref, memory=memory)

    def submit_batch_file(
        self, file_id: str, *, fields: Mapping[str, JSON] | None = None, **options: Unpack[AskOptions]
    ) -> BatchJob:
        """
        Submit a batch whose lines are in a file that the vendor stores, in the vendor's own form.

        `Files.upload` with ``purpose="batch"`` stores one. The results, as the vendor wrote them, are in files whose
        ids are in ``job.poll().raw``; `Files.content` downloads them.

        Args:
            file_id: The vendor's id of the file.
            fields: Further fields of the vendor's request, such as ``endpoint`` and ``metadata``, sent unchanged.
            **options: The model, whose provider has the file, and options of its requests to the vendor.

        Raises:
            UnsupportedError: The vendor has no batches in this form. Nothing was sent.
            BudgetExceededError: A budget has nothing left. Nothing was sent.
        """
        from budwood.batches import BatchJob

        ref, state = self._driver.run(self._engine.batches.submit_file(file_id, fields or {}, options))
        return BatchJob(self._engine, self._driver, ref, state)

    def _start_live(
        self, requests: Iterable[Prompt | BatchRequest], concurrency: int, options: AskOptions
    ) -> LiveBatch:
        from budwood.live_batches import LiveBatch

        live = self._engine.batches.prepare_live(requests, options, concurrency)
        return LiveBatch(self._driver, live, concurrency)
