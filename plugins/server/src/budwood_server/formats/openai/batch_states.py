"""
The state of a job as OpenAI's record of a batch.

Source: OpenAI's API description, ``Batch``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from budwood.types import JobState

WINDOW: Final = "24h"
_MOMENTS: Final = (
    "in_progress_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)
_STATUSES: Final = {"succeeded": "completed", "failed": "failed", "cancelled": "cancelled", "expired": "expired"}


def make_record(fields: Mapping[str, Any], file_id: str, count: int, created: float) -> dict[str, Any]:
    """
    Return the record of a new batch.

    Args:
        fields: The fields of the request for it.
        file_id: The id of the file with its lines.
        count: The number of lines.
        created: When it was created, in seconds since 1970.
    """
    return {
        "endpoint": fields["endpoint"],
        "errors": None,
        "input_file_id": file_id,
        "completion_window": fields.get("completion_window", WINDOW),
        "status": "in_progress",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": int(created),
        "expires_at": None,
        **dict.fromkeys(_MOMENTS),
        "in_progress_at": int(created),
        "request_counts": {"total": count, "completed": 0, "failed": 0},
        "metadata": fields.get("metadata"),
    }


def update_record(record: Mapping[str, Any], state: JobState, now: float) -> dict[str, Any]:
    """Return the record of a batch in a new state of its job. It ends with `end_record`, once its results are known."""
    counts = dict(record["request_counts"])
    if state.counts is not None:
        found = state.counts
        counts["completed"] = found.succeeded or 0
        counts["failed"] = (found.failed or 0) + (found.cancelled or 0) + (found.expired or 0)
    changed = {**record, "request_counts": counts}
    if state.expires is not None:
        changed["expires_at"] = int(state.expires)
    if state.is_ended:
        return changed | {"status": "finalizing", "finalizing_at": record["finalizing_at"] or int(now)}
    return changed | {"status": "in_progress" if record["cancelling_at"] is None else "cancelling"}


def end_record(
    record: Mapping[str, Any], state: JobState, files: Mapping[str, str], completed: int, now: float
) -> dict[str, Any]:
    """
    Return the record of a batch that has ended.

    Args:
        record: The record before.
        state: The last state of the job.
        files: The ids of ``output_file_id`` and ``error_file_id``, if there are such files.
        completed: The number of replies.
        now: The seconds since 1970.
    """
    status = _STATUSES[state.status]
    total = record["request_counts"]["total"]
    counts = {"total": total, "completed": completed, "failed": total - completed}
    errors = None
    if status == "failed":
        reason = {"code": state.error_code or "failed", "message": state.error or "The batch failed."}
        errors = {"object": "list", "data": [{**reason, "line": None, "param": None}]}
    return {
        **update_record(record, state, now),
        **files,
        "status": status,
        f"{status}_at": int(now),
        "request_counts": counts,
        "errors": errors,
    }
