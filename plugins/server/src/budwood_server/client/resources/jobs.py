"""``client.jobs``: batches of requests, which vendors answer later and for less."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, JsonValue
from pydantic_core import from_json, to_json

from budwood.wire.multipart import FormField
from budwood_server.api_models.pages import PageOf
from budwood_server.client.operations import Resource, S, listing, operation, steps
from budwood_server.client.requests import Form, Request, read_bytes, reader

_BATCHES = "/v1/batches"
_FILES = "/v1/files"

CHAT = "/v1/chat/completions"


class JobCounts(BaseModel):
    """The numbers of requests of a job."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class Job(BaseModel):
    """
    A batch, as OpenAI documents it.

    Attributes:
        id: Identifies it.
        status: ``"in_progress"``, ``"completed"``, ``"failed"``, ``"cancelled"`` or another state of OpenAI's.
        endpoint: What its lines ask for.
        input_file_id: The file with its lines.
        output_file_id: The file with its results, or None.
        error_file_id: The file with the lines that failed, or None.
        created_at: When it was created, in seconds since 1970.
        request_counts: The numbers of its requests.
    """

    id: str
    status: str
    endpoint: str
    input_file_id: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    created_at: int
    request_counts: JobCounts | None = None


class _Page(BaseModel):
    data: list[Job]
    has_more: bool = False
    last_id: str | None = None


class _File(BaseModel):
    id: str


class Jobs(Resource[S]):
    """Batches. Each request has a ``custom_id``, a ``method``, a ``url`` and a ``body``, as OpenAI documents them."""

    @steps
    def submit(
        self, lines: Iterable[Mapping[str, JsonValue]], *, endpoint: str = CHAT
    ) -> Generator[Request[Any], Any, Job]:
        """
        Submit requests.

        Args:
            lines: The requests, all for the same endpoint and for models of one provider.
            endpoint: What they ask for.
        """
        content = b"".join(to_json(line) + b"\n" for line in lines)
        fields = [FormField("purpose", "batch"), FormField("file", content, "batch.jsonl", "application/jsonl")]
        uploaded = yield Request(method="POST", path=_FILES, read=reader(_File), body=Form(fields), is_safe=False)
        body = {"input_file_id": uploaded.id, "endpoint": endpoint, "completion_window": "24h"}
        job: Job = yield Request(method="POST", path=_BATCHES, read=reader(Job), body=body, is_safe=False)
        return job

    @listing
    def list(self) -> Request[PageOf[Job]]:
        """List jobs, the newest first."""
        return Request(method="GET", path=_BATCHES, read=_read_page, cursor="after")

    @operation
    def get(self, job_id: str) -> Request[Job]:
        """Return a job, with its state."""
        return Request(method="GET", path=f"{_BATCHES}/{job_id}", read=reader(Job))

    @operation
    def cancel(self, job_id: str) -> Request[Job]:
        """Cancel a job."""
        return Request(method="POST", path=f"{_BATCHES}/{job_id}/cancel", read=reader(Job))

    @steps
    def results(self, job_id: str) -> Generator[Request[Any], Any, tuple[Mapping[str, JsonValue], ...]]:
        """
        Return the results of a job that has ended, also of lines that failed, in the form of OpenAI.

        It is empty before the job has ended.
        """
        job: Job = yield Request(method="GET", path=f"{_BATCHES}/{job_id}", read=reader(Job))
        found: list[Mapping[str, JsonValue]] = []
        for file_id in filter(None, (job.output_file_id, job.error_file_id)):
            content: bytes = yield Request(method="GET", path=f"{_FILES}/{file_id}/content", read=read_bytes)
            found += [from_json(line) for line in content.splitlines() if line.strip()]
        return tuple(found)


def _read_page(body: bytes) -> PageOf[Job]:
    page = reader(_Page)(body)
    return PageOf[Job](items=page.data, next_cursor=page.last_id if page.has_more else None)
