"""
Batches of Mistral: small ones within the request, larger ones as a file.

Source: mistralai 3.7.0 for Python, ``models/batchjob.py`` and ``models/createbatchjobrequest.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic_core import from_json, to_json

from budwood.providing import upload_of_lines, wrap_body
from budwood.types import (
    BatchInput,
    BatchLimits,
    Body,
    HTTPCall,
    JobCounts,
    JobRef,
    JobState,
    JobStatus,
)
from budwood_openai_compatible import OpenAIBatches
from budwood_openai_compatible.batches import find_id, find_path, list_errors, parse_number

if TYPE_CHECKING:
    from budwood.contracts import Steps

_LIMITS: Final = BatchLimits(requests=1_000_000, bytes=512 * 1000 * 1000, inline_bytes=4 * 1000 * 1000)
"""Mistral states the size of a file. Small batches need none."""

MAX_INLINE_RESULTS: Final = 1000
"""The number of results that are fetched in one reply; those of larger batches are files."""

_STATUSES: Final[dict[str, JobStatus]] = {
    "QUEUED": "queued",
    "SUCCESS": "succeeded",
    "FAILED": "failed",
    "TIMEOUT_EXCEEDED": "expired",
    "CANCELLED": "cancelled",
}
_COUNTS: Final = {"total": "total_requests", "succeeded": "succeeded_requests", "failed": "failed_requests"}


class MistralBatches(OpenAIBatches):
    """The batches of a provider. The lines of their results are those of OpenAI."""

    batch_path: ClassVar[str] = "/batch/jobs"
    batch_page: ClassVar[Mapping[str, str]] = {"page_size": "100", "order_by": "-created"}

    def batch_limits(self, model: str) -> BatchLimits:
        """Return the largest batch."""
        return _LIMITS

    def encode_batch_line(self, line_id: str, call: HTTPCall) -> Body:
        """Encode one request as a line."""
        return wrap_body({"custom_id": line_id}, "body", call)

    def submit_batch(self, batch: BatchInput) -> Steps[JobState]:
        """Create a batch from the requests themselves, or from a file with them."""
        body: dict[str, Any] = {"endpoint": find_path(batch.url), "model": batch.model}
        body["metadata"] = {"budwood": batch.id}
        if batch.data is not None:
            body["requests"] = [_to_inline(line) for line in batch.data.splitlines()]
        else:
            body["input_files"] = [(yield from self.upload_file(upload_of_lines(batch.path))).id]
        return (yield from self._create_batch(body, "metadata"))

    def fetch_batch(self, job: JobRef, folder: Path) -> Steps[tuple[Path | bytes, ...]]:
        """Return the results: those in the record of a small batch, and the files of others."""
        query = {"inline": "true"} if _is_small(job) else None
        body = self._object((yield self._get(self._batch_path(job), query)), "id")
        outputs = body.get("outputs")
        names = ("error_file",) if outputs else ("output_file", "error_file")
        files = [body[name] for name in names if body.get(name)]
        found: tuple[Path | bytes, ...] = (b"\n".join(map(to_json, outputs)),) if outputs else ()
        if not files:
            return found
        return (*found, *(yield from super().fetch_batch(job.model_copy(update={"data": {"files": files}}), folder)))

    def _decode_state(self, body: Mapping[str, Any]) -> JobState:
        raw_status = str(body.get("status") or "")
        messages = [message for message, _ in list_errors(body.get("errors"))]
        return JobState(
            id=find_id(body),
            status=_STATUSES.get(raw_status, "running"),
            raw_status=raw_status or None,
            error="; ".join(dict.fromkeys(messages)) or None,
            counts=_decode_counts(body),
            data={"total": body.get("total_requests")},
        )


def _to_inline(line: bytes) -> dict[str, Any]:
    """Return a request without its model, which is that of the batch."""
    row: dict[str, Any] = from_json(line)
    row["body"].pop("model", None)
    return row


def _is_small(job: JobRef) -> bool:
    """Tell whether the results of a batch fit into one reply."""
    total = parse_number(job.data.get("total"))
    return total is not None and total <= MAX_INLINE_RESULTS


def _decode_counts(body: Mapping[str, Any]) -> JobCounts | None:
    """Return the counts of a batch, which are zero until it has been read."""
    numbers = {name: parse_number(body.get(field)) for name, field in _COUNTS.items()}
    if not numbers["total"]:
        return None
    return JobCounts(**{name: None if number is None else int(number) for name, number in numbers.items()})
