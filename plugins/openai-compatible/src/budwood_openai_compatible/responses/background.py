"""
Replies of Responses in the background.

Source: OpenAI's API description 2.3.0, ``CreateResponse.background`` and ``Response.status``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood.types import JobState, JobStatus

_STATES: Final[Mapping[str, JobStatus]] = {
    "queued": "queued",
    "in_progress": "running",
    "completed": "succeeded",
    "incomplete": "succeeded",  # it has a reply, which ends early
    "failed": "failed",
    "cancelled": "cancelled",
    "expired": "expired",
}


def decode_background_job(body: Mapping[str, Any]) -> JobState:
    """Decode the state of a reply. An unknown state counts as running."""
    raw = str(body.get("status") or "")
    error = body.get("error")
    error = error if isinstance(error, Mapping) else {}
    return JobState(
        id=str(body["id"]),
        status=_STATES.get(raw, "running"),
        raw_status=raw or None,
        error=error.get("message") or None,
        error_code=error.get("code") or None,
    )
