"""
Batches: small ones within the request, larger ones as a file. The results have our keys, and come in any order.

Source: google-genai 3.6.1 for Python, ``batches.py``; ai.google.dev, "Batch API". ``BATCH_STATE_…`` are the words of
the REST API, ``JOB_STATE_…`` those of its SDKs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pydantic_core import from_json, to_json

from budwood.errors import BadResponseError
from budwood.providing import (
    BatchSearch,
    create_batch,
    encode_json,
    make_line_reply,
    parse_count,
    parse_id,
    parse_object,
    upload_of_lines,
    wrap_body,
)
from budwood.types import (
    BatchInput,
    BatchLimits,
    BatchLineResult,
    Body,
    HTTPCall,
    HTTPReply,
    JobCounts,
    JobRef,
    JobState,
    JobStatus,
)
from budwood_gemini.endpoint import GeminiEndpoint

if TYPE_CHECKING:
    from budwood.contracts import Steps
    from budwood_gemini.files import Files

_INLINE_BYTES: Final = 19 * 1000 * 1000
"""Google's limit of a request is 20 MB; the fields around the requests need some of it."""

_LIMITS: Final = BatchLimits(requests=1_000_000, bytes=2 * 1000 * 1000 * 1000, inline_bytes=_INLINE_BYTES)

_PAGE: Final = 100
"""The size of a page of the list of batches."""

_MAX_INLINE_REPLY: Final = 512 * 1024 * 1024

_STATUSES: Final[dict[str, JobStatus]] = {
    "PENDING": "queued",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}

_HTTP_STATUSES: Final = {
    1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503,
    15: 500, 16: 401,
}  # fmt: skip
"""The HTTP status of each code of gRPC. Source: ``google/rpc/code.proto``."""


class GeminiBatches(GeminiEndpoint):
    """The batches of a provider."""

    def batch_limits(self, model: str) -> BatchLimits:
        """Return the largest batch."""
        return _LIMITS

    def encode_batch_line(self, line_id: str, call: HTTPCall) -> Body:
        """Encode one request as a line of a file."""
        return wrap_body({"key": line_id}, "request", call)

    def submit_batch(self, batch: BatchInput) -> Steps[JobState]:
        """Create a batch from the requests themselves, or from a file with them."""
        model = batch.model if "/" in batch.model else f"models/{batch.model}"
        if batch.data is not None:
            rows = [_to_inline(line, model) for line in batch.data.splitlines()]
            source: dict[str, Any] = {"requests": {"requests": rows}}
        else:
            source = {"fileName": (yield from self._batch_files.upload(upload_of_lines(batch.path))).id}
        name = f"budwood-{batch.id}"
        call = HTTPCall(
            method="POST",
            url=f"{self._settings.base_url}/{quote(model, safe='/')}:batchGenerateContent",
            headers=self._headers,
            body=encode_json({"batch": {"displayName": name, "inputConfig": source}}),
        )
        search = BatchSearch(
            description=f"displayName {name}",
            list_page=self._list_page,
            read_page=_read_page,
            matches=lambda row: _find_fields(row).get("displayName") == name,
            decode=_decode_state,
        )
        return (yield from create_batch(call, _decode_batch, search))

    def poll_batch(self, job: JobRef) -> Steps[JobState]:
        """Ask for the state of a batch. Once it has succeeded, the reply contains the results as well."""
        return _decode_batch((yield self._get_batch(job)))

    def cancel_batch(self, job: JobRef) -> Steps[JobState]:
        """Cancel a batch; its state follows by a second request."""
        url = f"{self._settings.base_url}/{quote(job.id, safe='/')}:cancel"
        yield HTTPCall(method="POST", url=url, headers=self._headers)
        return _decode_batch((yield self._get_batch(job)))

    def fetch_batch(self, job: JobRef, folder: Path) -> Steps[tuple[Path | bytes, ...]]:
        """Return the results: lines of a file, or the replies within the batch as lines."""
        body = parse_object((yield self._get_batch(job)))
        output = _find_output(body)
        file_name = output.get("responsesFile")
        if isinstance(file_name, str) and file_name:
            path = folder / "results.jsonl"
            files = self._batch_files
            yield from files.download(files.url(file_name), path)
            return (path,)
        inlined = output.get("inlinedResponses") or {}
        rows = inlined.get("inlinedResponses") if isinstance(inlined, Mapping) else inlined
        return (b"\n".join(to_json(row) for row in rows or ()),)

    def decode_batch_line(self, line: bytes) -> BatchLineResult:
        """Decode one line of the results."""
        return decode_line(line)

    @property
    def _batch_files(self) -> Files:
        from budwood_gemini.files import Files

        return Files(self._settings.base_url, self._headers)

    def _get_batch(self, job: JobRef) -> HTTPCall:
        url = f"{self._settings.base_url}/{quote(job.id, safe='/')}"
        return HTTPCall(method="GET", url=url, headers=self._headers, max_reply_bytes=_MAX_INLINE_REPLY)

    def _list_page(self, cursor: str | None) -> HTTPCall:
        page = "" if cursor is None else f"&pageToken={quote(cursor, safe='')}"
        url = f"{self._settings.base_url}/batches?pageSize={_PAGE}{page}"
        return HTTPCall(method="GET", url=url, headers=self._headers, max_reply_bytes=_MAX_INLINE_REPLY)


def _read_page(reply: HTTPReply) -> tuple[Sequence[Any], str | None]:
    body = parse_object(reply)
    rows = body.get("operations")
    return rows if isinstance(rows, list) else [], parse_id(body.get("nextPageToken"))


def _decode_batch(reply: HTTPReply) -> JobState:
    return _decode_state(parse_object(reply))


def _decode_state(body: Mapping[str, Any]) -> JobState:
    name, fields = parse_id(body.get("name")), _find_fields(body)
    if name is None:
        raise BadResponseError("The reply has no name of the batch.")
    raw_status = str(fields.get("state") or "")
    error = body.get("error") or fields.get("error")
    return JobState(
        id=name,
        status=_STATUSES.get(raw_status.rpartition("_STATE_")[2], "failed" if error else "running"),
        raw_status=raw_status or None,
        error=str(error.get("message")) if isinstance(error, Mapping) else None,
        counts=_decode_counts(fields.get("batchStats")),
    )


def _find_fields(body: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = body.get("metadata")
    return metadata if isinstance(metadata, Mapping) else body


def _to_inline(line: bytes, model: str) -> dict[str, Any]:
    row = from_json(line)
    return {"request": {"model": model, **row["request"]}, "metadata": {"key": row["key"]}}


def _find_output(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the results in a reply, which are at one of two places."""
    for place in (body.get("response"), (body.get("metadata") or {}).get("output"), body.get("output")):
        if isinstance(place, Mapping) and ("inlinedResponses" in place or "responsesFile" in place):
            return place
    return {}


def _decode_counts(stats: object) -> JobCounts | None:
    """Return the counts of a batch, which are texts. A count of zero is left out."""
    if not isinstance(stats, Mapping):
        return None
    succeeded, failed = _number(stats.get("successfulRequestCount")), _number(stats.get("failedRequestCount"))
    return JobCounts(total=_number(stats.get("requestCount")), succeeded=succeeded, failed=failed)


def _number(value: object) -> int | None:
    return parse_count(int(value) if isinstance(value, str) and value.isdecimal() else value)


def decode_line(line: bytes) -> BatchLineResult:
    """
    Decode one line of the results.

    Raises:
        ValueError: It has no key.
    """
    row = from_json(line)
    metadata = row.get("metadata") or {}
    key = row.get("key") or metadata.get("key") or metadata.get("custom_id")
    if not isinstance(key, str):
        raise ValueError("the line has no key")  # noqa: TRY004 - as the contract says
    response, error = row.get("response"), row.get("error")
    if isinstance(response, Mapping):
        return BatchLineResult(id=key, reply=make_line_reply(200, response))
    if not isinstance(error, Mapping):
        return BatchLineResult(id=key, status="failed")
    code = error.get("code")
    status = _HTTP_STATUSES.get(code, code) if isinstance(code, int) else 500
    return BatchLineResult(id=key, reply=make_line_reply(status if status >= 400 else 500, {"error": error}))
