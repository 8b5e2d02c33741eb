"""Long jobs at vendors, as programs handle them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, cast

from budwood.engine.job_waiting import check_succeeded, find_poll_time, update
from budwood.engine.media_options import WAIT_SECONDS

if TYPE_CHECKING:
    import os

    from budwood.engine.drivers.asynchronous import AsyncDriver
    from budwood.engine.drivers.blocking import BlockingDriver
    from budwood.engine.job_engine import JobEngine
    from budwood.types import JobKind, JobRef, JobState
    from budwood.types.jobs import JobStatus, Progress

R = TypeVar("R")


class JobHandle(Generic[R]):
    """
    What is known about a job.

    Attributes:
        ref: Identifies it, also in another process.
        state: Its last known state; None if the vendor was not asked yet.
    """

    def __init__(self, engine: JobEngine, ref: JobRef, state: JobState | None = None) -> None:
        self._engine = engine
        self.ref = ref
        self.state = state
        self._poll_time = _find_poll_time(engine, state)

    @property
    def id(self) -> str:
        """The vendor's id of the job."""
        return self.ref.id

    @property
    def kind(self) -> JobKind:
        """What the job produces."""
        return self.ref.kind

    @property
    def status(self) -> JobStatus | None:
        """Its last known status; None if the vendor was not asked yet."""
        return None if self.state is None else self.state.status

    @property
    def is_ended(self) -> bool:
        """Whether it has ended."""
        return self.state is not None and self.state.is_ended

    def to_json(self) -> str:
        """Return what `client.job` needs to continue with the job, also in another process. It contains no secret."""
        return self.ref.model_dump_json()

    def __repr__(self) -> str:
        status = "" if self.status is None else f": {self.status}"
        return f"<{type(self).__name__} {self.kind} {self.ref.provider}/{self.ref.model} {self.id}{status}>"

    def _update(self, state: JobState) -> JobState:
        self.state = state
        self.ref = update(self.ref, state)
        self._poll_time = _find_poll_time(self._engine, state)
        return state

    def _check_succeeded(self) -> None:
        if self.state is not None:
            check_succeeded(self.ref, self.state)


def _find_poll_time(engine: JobEngine, state: JobState | None) -> float:
    return 0.0 if state is None else find_poll_time(state.retry_after, engine.clock)


class Job(JobHandle[R]):
    """
    A long job at a vendor: a video, a batch, or a background reply.

    The vendor continues it when the program ends. `Client.job` returns it again, from what `to_json` returns.
    """

    def __init__(self, engine: JobEngine, driver: BlockingDriver, ref: JobRef, state: JobState | None = None) -> None:
        super().__init__(engine, ref, state)
        self._driver = driver

    def poll(self) -> JobState:
        """
        Ask the vendor once for the state.

        Raises:
            NotFoundError: The vendor does not have the job, or no longer has it.
        """
        return self._update(self._driver.run(self._engine.poll_job(self.ref)))

    def wait(self, *, timeout: float = WAIT_SECONDS, progress: Progress | None = None) -> JobState:
        """
        Wait until the job has ended, and return its state.

        Polls immediately, after one second, and then at increasing intervals of up to 30 s. If the vendor specifies an
        interval, that one is used. Transient errors do not end the wait.

        Args:
            timeout: Seconds to wait; by default a day.
            progress: Called with each state.

        Raises:
            RequestTimeoutError: The job has not ended in time. The vendor continues it.
            NotFoundError: The vendor does not have the job, or no longer has it.
        """
        return self._wait(timeout, progress)

    def _wait(
        self, timeout: float, progress: Progress | None, output: str | os.PathLike[str] | None = None
    ) -> JobState:
        if self.state is not None and self.state.is_ended:
            return self.state
        flow = self._engine.wait_for_job(self.ref, timeout, progress, self._poll_time, output)
        return self._update(self._driver.run(flow))

    def cancel(self) -> JobState:
        """
        Cancel the job, and return its state. A job that has ended stays as it is, with its result.

        Raises:
            UnsupportedError: The vendor does not support it.
        """
        if self.state is not None and self.state.is_ended:
            return self.state
        return self._update(self._driver.run(self._engine.cancel_job(self.ref)))

    def result(
        self,
        *,
        timeout: float = WAIT_SECONDS,
        progress: Progress | None = None,
        output: str | os.PathLike[str] | None = None,
    ) -> R:
        """
        Wait until the job has ended, and return its result.

        Args:
            timeout: As for `wait`.
            progress: As for `wait`.
            output: The file to which a video is written. Without it, videos of up to 64 MiB are in memory, and larger
                ones in a temporary file.

        Raises:
            JobFailedError: It failed, was cancelled or expired.
            RequestTimeoutError: It has not ended in time. The vendor continues it.
        """
        self._wait(timeout, progress, output)
        self._check_succeeded()
        return cast("R", self._driver.run(self._engine.fetch_job(self.ref, output)))


class AsyncJob(JobHandle[R]):
    """A long job at a vendor; see `Job`."""

    def __init__(self, engine: JobEngine, driver: AsyncDriver, ref: JobRef, state: JobState | None = None) -> None:
        super().__init__(engine, ref, state)
        self._driver = driver

    async def poll(self) -> JobState:
        """Ask the vendor once for the state; see `Job.poll`."""
        return self._update(await self._driver.run(self._engine.poll_job(self.ref)))

    async def wait(self, *, timeout: float = WAIT_SECONDS, progress: Progress | None = None) -> JobState:
        """Wait until the job has ended; see `Job.wait`."""
        return await self._wait(timeout, progress)

    async def _wait(
        self, timeout: float, progress: Progress | None, output: str | os.PathLike[str] | None = None
    ) -> JobState:
        if self.state is not None and self.state.is_ended:
            return self.state
        flow = self._engine.wait_for_job(self.ref, timeout, progress, self._poll_time, output)
        return self._update(await self._driver.run(flow))

    async def cancel(self) -> JobState:
        """Cancel the job; see `Job.cancel`."""
        if self.state is not None and self.state.is_ended:
            return self.state
        return self._update(await self._driver.run(self._engine.cancel_job(self.ref)))

    async def result(
        self,
        *,
        timeout: float = WAIT_SECONDS,
        progress: Progress | None = None,
        output: str | os.PathLike[str] | None = None,
    ) -> R:
        """Wait until the job has ended, and return its result; see `Job.result`."""
        await self._wait(timeout, progress, output)
        self._check_succeeded()
        return cast("R", await self._driver.run(self._engine.fetch_job(self.ref, output)))
