"""
Batches in OpenAI's form: upload a file of lines, create a batch, and download the files with its results.

Sources: openai 3.57.0 and groq 1.7.0 for Python, Microsoft's documentation of Azure OpenAI, "Batch".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote, urlsplit

from pydantic_core import from_json

from budwood.errors import BadResponseError, JobFailedError, NotFoundError
from budwood.providing import BatchSearch, create_batch, make_line_reply, upload_of_lines, wrap_body
from budwood.types import (
    BatchInput,
    BatchLimits,
    BatchLineResult,
    Body,
    Capability,
    ChatRequest,
    ChatResponse,
    HTTPCall,
    HTTPReply,
    JobCounts,
    JobRef,
    JobState,
    JobStatus,
)
from budwood_openai_compatible.media.files import decode_file
from budwood_openai_compatible.provider import OpenAICompatible

if TYPE_CHECKING:
    from budwood.contracts import Steps
    from budwood.types.record import JSON

MEGABYTE: Final = 1000 * 1000

MAX_FILE_CHECKS: Final = 60
"""How often a server is asked whether an uploaded file is ready, at this distance in seconds."""

CHECK_SECONDS: Final = 2.0

_UNUSABLE: Final = frozenset({"error", "failed"})

_STATUSES: Final[dict[str, JobStatus]] = {
    "validating": "queued",
    "completed": "succeeded",
    "failed": "failed",
    "expired": "expired",
    "cancelled": "cancelled",
}
"""All other states are running, also those that the vendor adds later."""

_REASONS: Final = {"batch_expired": "expired", "batch_cancelled": "cancelled"}


class OpenAIBatches(OpenAICompatible):
    """
    A server with OpenAI's API that has batches; the base class of such vendors.

    Attributes:
        batch_requests: The largest number of requests in a batch.
        batch_bytes: The largest size of the file with its lines.
        batch_path: The path of the batches.
        batch_page: The query of a page of their list; empty if the vendor lists all at once.
        poll_seconds: Seconds between two polls that the vendor asks for; None if only its headers say so.
    """

    all_capabilities: ClassVar[frozenset[Capability]] = OpenAICompatible.all_capabilities | {Capability.BATCHES}
    batch_requests: ClassVar[int] = 50_000
    batch_bytes: ClassVar[int] = 200 * MEGABYTE
    batch_path: ClassVar[str] = "/batches"
    batch_page: ClassVar[Mapping[str, str]] = {"limit": "100"}
    poll_seconds: ClassVar[float | None] = None

    def batch_limits(self, model: str) -> BatchLimits:
        """Return the largest batch."""
        return BatchLimits(requests=self.batch_requests, bytes=self.batch_bytes)

    def encode_batch_line(self, line_id: str, call: HTTPCall) -> Body:
        """Encode one request as a line."""
        return wrap_body({"custom_id": line_id, "method": "POST", "url": find_path(call.url)}, "body", call)

    def submit_batch(self, batch: BatchInput) -> Steps[JobState]:
        """Upload the lines, wait until the server has processed the file, and create the batch."""
        file_id = yield from self._upload_lines(batch.path)
        body = {"input_file_id": file_id, "endpoint": find_path(batch.url), "completion_window": "24h"}
        return (yield from self._create_batch(body, "input_file_id"))

    def poll_batch(self, job: JobRef) -> Steps[JobState]:
        """Ask for the state of a batch."""
        return self._decode_batch((yield self._get(self._batch_path(job))))

    def cancel_batch(self, job: JobRef) -> Steps[JobState]:
        """Cancel a batch."""
        url = self.url(f"{self._batch_path(job)}/cancel")
        return self._decode_batch((yield HTTPCall(method="POST", url=url, headers=self._headers)))

    def fetch_batch(self, job: JobRef, folder: Path) -> Steps[tuple[Path | bytes, ...]]:
        """Download the file with the replies and the file with the errors, in whatever state the batch has ended."""
        files = job.data.get("files")
        if not isinstance(files, list):
            files = self._decode_batch((yield self._get(self._batch_path(job)))).data["files"]
        paths: list[Path] = []
        missing: NotFoundError | None = None
        for number, file_id in enumerate(files if isinstance(files, list) else ()):
            path = folder / f"result-{number}.jsonl"
            try:
                yield self._download(f"/files/{quote(str(file_id), safe='')}/content", path)
            except NotFoundError as error:
                missing = error
            else:
                paths.append(path)
        if missing is not None and not paths:
            raise missing
        return tuple(paths)

    def decode_batch_line(self, line: bytes) -> BatchLineResult:
        """Decode one line of a result."""
        return decode_line(line)

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a chat reply; that of a batch, whose request has no messages any more, by its own form."""
        if not request.messages and self.api(request) == "chat" and is_response(reply):
            from budwood_openai_compatible.responses import decode_response

            return decode_response(self._object(reply, "output"), reply, vendor=self.vendor)
        return super().decode(request, reply)

    def _upload_lines(self, path: Path) -> Steps[str]:
        """Upload a file, and wait until it can be used: Azure processes it first."""
        info = yield from self.upload_file(upload_of_lines(path))
        for _ in range(MAX_FILE_CHECKS):
            if info.ready:
                return info.id
            call = replace(self._get(f"/files/{quote(info.id, safe='')}"), delay=CHECK_SECONDS)
            body = self._object((yield call), "id")
            if body.get("status") in _UNUSABLE:
                details = body.get("status_details") or body.get("status")
                raise JobFailedError(f"The server cannot use the file of the batch: {details}.")
            info = decode_file(body, self._context.instance)
        raise JobFailedError("The server has not processed the file of the batch in time.", hint="Submit it again.")

    def _create_batch(self, body: dict[str, Any], mark: str) -> Steps[JobState]:
        """Create a batch, or find it in the list by a field that no other batch has, if the reply is lost."""

        def list_page(cursor: str | None) -> HTTPCall:
            return self._get(self.batch_path, {**self.batch_page, **({"after": cursor} if cursor else {})})

        search = BatchSearch(
            description=f"{mark} {body[mark]}",
            list_page=list_page,
            read_page=self._read_page,
            matches=lambda row: row.get(mark) == body[mark],
            decode=self._decode_state,
        )
        return create_batch(self._post(self.batch_path, body), self._decode_batch, search)

    def _read_page(self, reply: HTTPReply) -> tuple[Sequence[Any], str | None]:
        """Return the batches of a page, and the cursor of the next one."""
        body = self._object(reply, "data")
        rows = body.get("data") or []
        return rows, find_id(rows[-1]) if body.get("has_more") and rows else None

    def _batch_path(self, job: JobRef) -> str:
        return f"{self.batch_path}/{quote(job.id, safe='')}"

    def _decode_batch(self, reply: HTTPReply) -> JobState:
        asked = self.poll_seconds or parse_number(reply.headers.get("retry-after"))
        return self._decode_state(self._object(reply, "id")).model_copy(update={"retry_after": asked})

    def _decode_state(self, body: Mapping[str, Any]) -> JobState:
        raw_status = str(body.get("status") or "")
        errors = list_errors(body.get("errors"))
        return JobState(
            id=find_id(body),
            status=_STATUSES.get(raw_status, "running"),
            raw_status=raw_status or None,
            error="; ".join(dict.fromkeys(message for message, _ in errors)) or None,
            error_code=next((code for _, code in errors if code), None),
            expires=parse_number(body.get("expires_at")),
            counts=decode_counts(body.get("request_counts")),
            data={"files": [body[name] for name in ("output_file_id", "error_file_id") if body.get(name)]},
            raw=dict(body),
        )


class OpenAIFileBatches(OpenAIBatches):
    """A server whose batches can be created from a file with lines in OpenAI's form."""

    def submit_batch_file(self, file_id: str, fields: Mapping[str, JSON]) -> Steps[JobState]:
        """Create a batch from a file that the server stores."""
        body = {"endpoint": "/v1/chat/completions", "completion_window": "24h", **fields, "input_file_id": file_id}
        return (yield from self._create_batch(body, "input_file_id"))


def find_path(url: str) -> str:
    """Return the path of a request within a batch, which is the same for all addresses of a vendor."""
    path = urlsplit(url).path
    return "/v1/responses" if path.endswith("/responses") else "/v1/chat/completions"


def find_id(body: Mapping[str, Any]) -> str:
    """
    Return the id of a batch or a file.

    Raises:
        BadResponseError: It has none.
    """
    identifier = body.get("id")
    if not isinstance(identifier, str) or not identifier:
        raise BadResponseError("The reply has no id.")
    return identifier


def list_errors(errors: object) -> list[tuple[str, str | None]]:
    """Return messages and codes of what is wrong with a whole batch."""
    rows = errors.get("data") if isinstance(errors, Mapping) else errors
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        return []
    return [
        (str(row.get("message") or row.get("code") or "unknown error"), row.get("code"))
        for row in rows
        if isinstance(row, Mapping)
    ]


def decode_counts(counts: object) -> JobCounts | None:
    """Return the counts of a batch. Those of a new batch are null, or zero until it has been read."""
    if not isinstance(counts, Mapping):
        return None
    numbers = {name: parse_number(counts.get(name)) for name in ("total", "completed", "failed")}
    known = {name: int(number) for name, number in numbers.items() if number is not None}
    if not known.get("total"):
        return None
    return JobCounts(total=known.get("total"), succeeded=known.get("completed"), failed=known.get("failed"))


def parse_number(value: object) -> float | None:
    """Return a number, also one that is written as a text."""
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None


def decode_line(line: bytes) -> BatchLineResult:
    """
    Decode one line of a result in OpenAI's form.

    Raises:
        ValueError: It has no id.
    """
    row = from_json(line)
    line_id = row["custom_id"]
    if not isinstance(line_id, str):
        raise ValueError("custom_id is not a text")  # noqa: TRY004 - as the contract says
    response, error = row.get("response"), row.get("error")
    if isinstance(response, Mapping) and response.get("body") is not None:
        status = int(parse_number(response.get("status_code")) or 200)
        headers = {"x-request-id": str(response["request_id"])} if response.get("request_id") else None
        return BatchLineResult(id=line_id, reply=make_line_reply(status, response["body"], headers))
    fields = error if isinstance(error, Mapping) else {"message": error}
    code = fields.get("code")
    message = fields.get("message")
    return BatchLineResult(
        id=line_id,
        status=_REASONS.get(str(code), "failed"),
        error=str(message) if message else None,
        code=str(code) if code else None,
    )


def is_response(reply: HTTPReply) -> bool:
    """Tell whether a reply is one of Responses."""
    try:
        body = from_json(reply.body)
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("object") == "response"
