"""Wait for long jobs: poll them until they have ended, and report how they ended."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from budwood.engine.drivers.effects import Effect, Emit, Flow, Invoke, Sleep
from budwood.errors import BudwoodError, JobFailedError, ProviderError, RequestTimeoutError
from budwood.types import JobRef, JobState, JobStatus

if TYPE_CHECKING:
    from budwood.contracts import Clock
    from budwood.types.jobs import Progress

FIRST_DELAY: Final = 1.0
MAX_DELAY: Final = 30.0
"""Seconds between two polls, unless the vendor asks for others: one, then 50 % more each time, up to thirty."""

MIN_ASKED_DELAY: Final = 0.1
MAX_ASKED_DELAY: Final = 600.0
"""Bounds of the seconds that a vendor may ask for."""

_GROWTH: Final = 1.5

MIN_POLL_SECONDS: Final = 1.0
"""How long a poll may take that begins just before the deadline of a wait."""

Poll = Callable[[JobRef, float], Flow[JobState]]
"""Asks once for the state of a job, until a deadline by the client's clock."""

Report = Callable[[JobState], Effect | None]
"""Returns the effect that reports the state of a job; None for none."""


def call_with(progress: Progress | None) -> Report:
    """Report each state to a function."""
    return lambda state: None if progress is None else Invoke(partial(progress, state))


def emit(state: JobState) -> Effect:
    """Report each state as an event of a stream."""
    return Emit([state])


def find_poll_time(retry_after: float | None, clock: Clock) -> float:
    """Return the time of the next poll, by the client's clock. ``retry_after`` is the interval of the vendor."""
    return clock.monotonic() + _pause(retry_after, 0.0)


def wait(
    poll_once: Poll, clock: Clock, ref: JobRef, report: Report, timeout: float, *, start: float = -math.inf
) -> Flow[JobState]:
    """
    Ask for the state of a job until it has ended. Transient errors do not end the wait.

    Args:
        poll_once: Asks once for the state.
        clock: The clock.
        ref: The job.
        report: Returns the effect that reports a state.
        timeout: How many seconds to wait. The job continues afterwards.
        start: The time of the first poll, by the client's clock.

    Raises:
        RequestTimeoutError: The time is up. If the last poll failed, its error is the cause.
        ProviderError: The vendor rejects the request, such as when it no longer has the job.
    """
    delay, deadline = FIRST_DELAY, clock.monotonic() + timeout
    if (first_delay := min(start, deadline) - clock.monotonic()) > 0:
        yield Sleep(first_delay)
    while True:
        state, error = yield from _try_poll(poll_once, ref, max(deadline, clock.monotonic() + MIN_POLL_SECONDS))
        if state is not None:
            ref = update(ref, state)
            effect = report(state)
            if effect is not None:
                yield effect
            if state.is_ended:
                return state
        left = deadline - clock.monotonic()
        if left <= 0:
            raise make_timeout(ref, timeout, error) from error
        yield Sleep(min(_pause(None if state is None else state.retry_after, delay), left))
        delay = min(delay * _GROWTH, MAX_DELAY)


def update(ref: JobRef, state: JobState) -> JobRef:
    """Return a job with the data of its new state."""
    return ref.model_copy(update={"data": state.data}) if state.data else ref


@contextlib.contextmanager
def add_job_to_errors(ref: JobRef) -> Iterator[None]:
    """Add a job to exceptions that are raised meanwhile, so that the caller can continue it."""
    try:
        yield
    except BaseException as error:
        if getattr(error, "job", None) is None:
            error.job = ref  # type: ignore[attr-defined] # errors of the program, such as of progress=, have it too
        if not isinstance(error, BudwoodError):
            error.add_note(f"The vendor continues the job. To wait again: client.job({ref.model_dump_json()!r}).")
        raise


def _try_poll(poll_once: Poll, ref: JobRef, deadline: float) -> Flow[tuple[JobState | None, ProviderError | None]]:
    """Return the state of a job, or a transient error."""
    try:
        return (yield from poll_once(ref, deadline)), None
    except ProviderError as error:
        if error.retryable or isinstance(error, RequestTimeoutError):
            return None, error
        error.job = ref
        raise


def _pause(asked: float | None, delay: float) -> float:
    if asked is None or math.isnan(asked):
        return delay
    return min(max(asked, MIN_ASKED_DELAY), MAX_ASKED_DELAY)


def make_timeout(ref: JobRef, seconds: float, last: ProviderError | None = None) -> RequestTimeoutError:
    """Return the error for a job that has not ended in time, with the error of the last poll if that failed."""
    failure = "" if last is None else f" The last poll failed: {last.message}"
    error = RequestTimeoutError(
        f"The job {ref.id} has not ended within {seconds:g} s.{failure}",
        phase="deadline",
        hint="The vendor continues it. Wait again, or cancel it: client.job(error.job).",
    )
    error.job = ref
    error.attempts = () if last is None else last.attempts
    return error


_HINTS: Final[dict[str | None, str]] = {
    "content_filter": "Rephrase the prompt. Submitted unchanged, it is likely to be blocked again.",
    "cancelled": "A cancelled job has no result. Submit it again if you need one.",
    "expired": "Submit it again.",
}
"""What to do about a failure, by the code that all providers share, or by the status of the job."""

_FAILED: Final = "Correct what the reason names. If it is a fault of the vendor, submit the job again."

_OUTCOMES: Final[dict[JobStatus, str]] = {
    "failed": "failed",
    "cancelled": "was cancelled",
    "expired": "expired before the vendor completed it",
}


def check_succeeded(ref: JobRef, state: JobState) -> None:
    """
    Check that a job has a result.

    Raises:
        JobFailedError: It failed, expired, was cancelled, or has not ended.
    """
    if state.status == "succeeded":
        return
    outcome = _OUTCOMES.get(state.status, "has not ended")
    reason = f": {state.error}" if state.error else "."
    error = JobFailedError(f"The job {ref.id} {outcome}{reason}", code=state.error_code)
    hint = _HINTS.get(state.error_code) or _HINTS.get(state.status, _FAILED if state.error else "Submit it again.")
    error.hint = hint if state.is_ended else "Wait until it has ended."
    error.job = ref
    error.add_target(ref.provider, ref.model)
    raise error
