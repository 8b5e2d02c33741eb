"""The state of a job for a batch, from the states of its parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from budwood.engine.batches.record import BatchPart, BatchRecord
from budwood.types import JobCounts, JobState, JobStatus

_COUNTED = ("succeeded", "failed", "cancelled", "expired")


def combine_states(ref_id: str, record: BatchRecord, retry_after: float | None = None) -> JobState:
    """
    Return the state of a job.

    It is running until all parts have ended, and has succeeded once one of them has: then each request has a reply or
    an error.
    """
    counts = sum_counts(record)
    return JobState(
        id=ref_id,
        status=_combine_status([part.status for part in record.parts]),
        progress=_progress(counts),
        retry_after=retry_after,
        error="; ".join(dict.fromkeys(part.error for part in record.parts if part.error)) or None,
        counts=counts,
        data=record.to_data(),
    )


def _combine_status(statuses: Sequence[JobStatus]) -> JobStatus:
    if not statuses:
        return "failed"
    for status in ("running", "queued", "succeeded"):
        if status in statuses:
            return "queued" if status == "queued" and set(statuses) == {"queued"} else _running(status)
    return statuses[0]


def _running(status: str) -> JobStatus:
    return "succeeded" if status == "succeeded" else "running"


def sum_counts(record: BatchRecord) -> JobCounts:
    """Return the counts of all parts. One that a vendor does not report is unknown."""
    parts = [part.counts or JobCounts() for part in record.parts]
    totals = {name: _sum(getattr(part, name) for part in parts) for name in _COUNTED}
    if record.unsent:
        totals["failed"] = (totals["failed"] or 0) + len(record.unsent)
    total = _sum(part.total for part in parts) if record.is_adopted else len(record.marks)
    return JobCounts(total=total, **totals)


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _progress(counts: JobCounts) -> float | None:
    known = [getattr(counts, name) for name in _COUNTED]
    if not counts.total or all(number is None for number in known):
        return None
    return min(1.0, sum(number or 0 for number in known) / counts.total)


def update_part(record: BatchRecord, number: int, part: BatchPart) -> BatchRecord:
    """Return a record with one part replaced."""
    parts = (*record.parts[:number], part, *record.parts[number + 1 :])
    return record.model_copy(update={"parts": parts})
