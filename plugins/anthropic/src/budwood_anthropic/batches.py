"""
Message Batches: all requests in one body, and the results as lines.

Source: the types of the Python SDK, ``anthropic`` 2.14.0: ``types/messages/message_batch*.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pydantic_core import from_json

from budwood.errors import BadResponseError
from budwood.providing import BatchSearch, create_batch, make_line_reply, parse_count, parse_id, wrap_body
from budwood.types import (
    BatchInput,
    BatchLimits,
    BatchLineResult,
    Body,
    BodyFile,
    HTTPCall,
    HTTPReply,
    JobCounts,
    JobRef,
    JobState,
    JobStatus,
)
from budwood_anthropic.endpoint import AnthropicEndpoint
from budwood_anthropic.errors import STATUSES
from budwood_anthropic.limits import parse_timestamp

if TYPE_CHECKING:
    from budwood.contracts import Steps

_LIMITS: Final = BatchLimits(requests=100_000, bytes=256 * 1000 * 1000, separator=b",\n")
_PAGE: Final = 100
"""How many batches are searched for one whose creation had no reply."""

_BETA: Final = "anthropic-beta"
_COUNTS: Final = {"succeeded": "succeeded", "failed": "errored", "cancelled": "canceled", "expired": "expired"}
_UNANSWERED: Final = {"canceled": "cancelled", "expired": "expired"}


class MessageBatches(AnthropicEndpoint):
    """The batches of an account; see `budwood.contracts.BatchProvider`."""

    def batch_limits(self, model: str) -> BatchLimits:
        """Return the largest batch."""
        return _LIMITS

    def encode_batch_line(self, line_id: str, call: HTTPCall) -> Body:
        """Encode one request as a member of the array of requests."""
        return wrap_body({"custom_id": line_id}, "params", call)

    def submit_batch(self, batch: BatchInput) -> Steps[JobState]:
        """
        Create a batch. A beta that some requests need applies to all.

        The API stores nothing that identifies a batch. If the reply is lost, the error names the latest batches that
        are running and have as many requests.
        """
        betas = dict.fromkeys(beta for beta in batch.headers.get(_BETA, "").split(",") if beta)
        headers = {**self._headers, _BETA: ",".join(betas)} if betas else self._headers
        body = (b'{"requests":[', BodyFile(batch.path), b"]}")
        call = HTTPCall(method="POST", url=self._batch_url(), headers=headers, body=body)
        search = BatchSearch(
            description=f"request count {batch.count}",
            list_page=self._list_page,
            read_page=self._read_page,
            matches=lambda row: _is_running(row, batch.count),
        )
        return create_batch(call, self._decode_batch, search)

    def poll_batch(self, job: JobRef) -> Steps[JobState]:
        """Ask for the state of a batch."""
        reply = yield HTTPCall(method="GET", url=self._batch_url(job.id), headers=self._headers)
        return self._decode_batch(reply)

    def cancel_batch(self, job: JobRef) -> Steps[JobState]:
        """Cancel a batch."""
        url = f"{self._batch_url(job.id)}/cancel"
        reply = yield HTTPCall(method="POST", url=url, headers=self._headers)
        return self._decode_batch(reply)

    def fetch_batch(self, job: JobRef, folder: Path) -> Steps[tuple[Path | bytes, ...]]:
        """Download the results. Before the batch has ended, the vendor answers with status 404."""
        path = folder / "results.jsonl"
        url = f"{self._batch_url(job.id)}/results"
        yield HTTPCall(method="GET", url=url, headers=self._headers, reply_to=path)
        return (path,)

    def decode_batch_line(self, line: bytes) -> BatchLineResult:
        """Decode one line of the results."""
        return decode_line(line)

    def _list_page(self, _cursor: str | None) -> HTTPCall:
        """Return the request for the latest batches."""
        return HTTPCall(method="GET", url=f"{self._batch_url()}?limit={_PAGE}", headers=self._headers)

    def _read_page(self, reply: HTTPReply) -> tuple[Sequence[Any], str | None]:
        rows = self._parse(reply).get("data")
        return rows if isinstance(rows, list) else [], None

    def _batch_url(self, batch_id: str | None = None) -> str:
        url = f"{self._settings.base_url}/v1/messages/batches"
        return url if batch_id is None else f"{url}/{quote(batch_id, safe='')}"

    def _decode_batch(self, reply: HTTPReply) -> JobState:
        body = self._parse(reply)
        batch_id, raw_status = parse_id(body.get("id")), body.get("processing_status")
        if batch_id is None:
            raise BadResponseError("The reply has no id of the batch.")
        has_ended = raw_status == "ended"
        counts = _decode_counts(body.get("request_counts")) if has_ended else None
        return JobState(
            id=batch_id,
            status=_find_status(counts) if has_ended else "running",
            raw_status=raw_status if isinstance(raw_status, str) else None,
            retry_after=_parse_seconds(reply.headers.get("retry-after")),
            expires=parse_timestamp(body.get("expires_at")),
            counts=counts,
        )


def _is_running(row: Mapping[str, Any], count: int) -> bool:
    """Tell whether a batch runs and has as many requests."""
    counts = row.get("request_counts")
    return isinstance(counts, Mapping) and counts.get("processing") == count


def _decode_counts(counts: object) -> JobCounts | None:
    """Return the counts of a batch. Before its end they are all zero, whatever has been done."""
    if not isinstance(counts, Mapping):
        return None
    numbers = {name: parse_count(counts.get(field)) for name, field in _COUNTS.items()}
    total = sum(number for number in numbers.values() if number is not None)
    return JobCounts(total=total, **numbers)


def _find_status(counts: JobCounts | None) -> JobStatus:
    """Return how a batch has ended: the vendor has one word for all of it."""
    if counts is None or counts.succeeded or counts.failed:
        return "succeeded"
    if counts.cancelled:
        return "cancelled"
    return "expired" if counts.expired else "succeeded"


def _parse_seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def decode_line(line: bytes) -> BatchLineResult:
    """
    Decode one line of the results.

    Raises:
        ValueError: It has no id, or no result.
    """
    row = from_json(line)
    line_id, result = row["custom_id"], row["result"]
    kind = result["type"]
    if not isinstance(line_id, str):
        raise ValueError("custom_id is not a text")  # noqa: TRY004 - as the contract says
    if kind == "succeeded":
        return BatchLineResult(id=line_id, reply=make_line_reply(200, result["message"]))
    if kind == "errored":
        error = result.get("error") or {}
        inner: Any = error.get("error")
        kind = inner.get("type") if isinstance(inner, Mapping) else error.get("type")
        return BatchLineResult(id=line_id, reply=make_line_reply(STATUSES.get(str(kind), 500), error))
    return BatchLineResult(id=line_id, status=_UNANSWERED.get(kind, "failed"), code=str(kind))
