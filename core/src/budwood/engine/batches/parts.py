"""Poll and cancel the parts of a job. One that the vendor does not have does not hide the results of the others."""

from __future__ import annotations

from collections.abc import Callable

from budwood.engine.batches.record import BatchPart, read_record
from budwood.engine.batches.states import combine_states, update_part
from budwood.engine.drivers.effects import Flow
from budwood.errors import NotFoundError, ProviderError
from budwood.types import JobCounts, JobRef, JobState
from budwood.types.record import JSON

AskPart = Callable[[BatchPart], Flow[JobState]]
"""Sends a request about a part, and returns the state of the part."""


def poll_parts(ref: JobRef, poll: AskPart) -> Flow[JobState]:
    """
    Ask for the state of those parts of a job that have not ended. A lost one among others has failed.

    Raises:
        NotFoundError: The vendor has none of the parts.
    """
    record = read_record(ref)
    pauses: list[float] = []
    lost: list[NotFoundError] = []
    raw: dict[str, JSON] = {}
    for number, part in enumerate(record.parts):
        if part.is_ended:
            continue
        try:
            state = yield from poll(part)
        except NotFoundError as error:
            lost.append(error)
            record = update_part(record, number, _mark_as_lost(part, error))
            continue
        record = update_part(record, number, part.with_state(state))
        raw = state.raw if len(record.parts) == 1 else {}
        pauses += [] if state.retry_after is None or state.is_ended else [state.retry_after]
    if lost and len(lost) == len(record.parts):
        raise lost[0]
    return combine_states(ref.id, record, max(pauses, default=None)).model_copy(update={"raw": raw})


def cancel_parts(ref: JobRef, cancel: AskPart) -> Flow[JobState]:
    """
    Cancel those parts of a job that have not ended. If one cannot be cancelled, the others are nevertheless.

    Raises:
        ProviderError: A part could not be cancelled, or the vendor has none of the parts.
    """
    failures: list[ProviderError] = []

    def cancel_one(part: BatchPart) -> Flow[JobState]:
        try:
            return (yield from cancel(part))
        except NotFoundError:
            raise
        except ProviderError as error:
            failures.append(error)
            return JobState(id=part.id, status=part.status, counts=part.counts)

    state = yield from poll_parts(ref, cancel_one)
    if failures:
        raise failures[0]
    return state


def _mark_as_lost(part: BatchPart, error: NotFoundError) -> BatchPart:
    return part.model_copy(
        update={
            "status": "failed",
            "error": f"The vendor does not have the batch {part.id}: {error.message}",
            "is_lost": True,
            "counts": JobCounts(failed=sum(1 for _ in part.list_indices())),
        }
    )
