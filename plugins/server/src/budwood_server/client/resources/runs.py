"""``client.runs``: datasets that the server creates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from typing import BinaryIO, Literal

from pydantic import BaseModel, JsonValue

from budwood.types import ReplyHead
from budwood.wire import ServerSentEvent
from budwood_server.api_models.pages import PageOf
from budwood_server.api_models.runs import DocumentDetails, RunDetails, RunProblem, RunProgress, RunRow, RunState
from budwood_server.client.operations import Resource, S, following, listing, operation, saving
from budwood_server.client.requests import (
    Download,
    Request,
    StreamRequest,
    act,
    change,
    create,
    get,
    leave_out,
    path_of,
    read_bytes,
    reader,
)

Target = str | PathLike[str] | BinaryIO
"""Where a file is written: its path, or an open binary file."""

Reasoning = Literal["drop", "field", "tags"]
"""What to do with reasoning."""

_END = "end"


class RunStatus(BaseModel):
    """
    How far a run is; see `RunDetails`.

    Attributes:
        id: Identifies it.
        state: ``"queued"``, ``"running"``, or how it ended.
        progress: How far it is.
        error: Why it failed or is incomplete, or None.
    """

    id: str
    state: RunState
    progress: RunProgress
    error: RunProblem | None = None


class Documents(Resource[S]):
    """Files that specifications of runs name by their ids."""

    @listing
    def list(self) -> Request[PageOf[DocumentDetails]]:
        """List them, the newest first."""
        return get(path_of("runs", "documents"), PageOf[DocumentDetails])

    @operation
    def upload(self, name: str, content: bytes) -> Request[DocumentDetails]:
        """Store a document. The ending of its name says of what type it is. The same content is stored once."""
        request = change("POST", path_of("runs", "documents"), DocumentDetails, content)
        return request.with_query(name=name)

    @operation
    def delete(self, document_id: str) -> Request[None]:
        """Delete a document."""
        return act("DELETE", path_of("runs", "documents", document_id))


class Runs(Resource[S]):
    """
    Dataset runs.

    Attributes:
        documents: Files that specifications name.
    """

    def __init__(self, sender: S) -> None:
        super().__init__(sender)
        self.documents = Documents(sender)

    @operation
    def submit(
        self,
        specification: Mapping[str, JsonValue] | str,
        *,
        name: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[RunDetails]:
        """
        Submit a run.

        Args:
            specification: An object with the keys of the file, or the text of the file in TOML.
            name: A name for people.
            idempotency_key: Identifies the call if the program repeats it itself.
        """
        body = leave_out(specification=specification, name=name)
        return create(path_of("runs"), RunDetails, body, idempotency_key=idempotency_key)

    @listing
    def list(self, *, state: RunState | None = None) -> Request[PageOf[RunDetails]]:
        """List runs, the newest first."""
        return get(path_of("runs"), PageOf[RunDetails], state=state)

    @operation
    def get(self, run_id: str) -> Request[RunDetails]:
        """Return a run, with its progress."""
        return get(path_of("runs", run_id), RunDetails)

    @following
    def events(self, run_id: str) -> StreamRequest[RunStatus]:
        """Return the status of a run after each change, up to its end. A broken connection is opened again."""
        request = get(path_of("runs", run_id, "events"), RunStatus)
        return StreamRequest(request=request, decode=_read_status, last_event=_END, is_reopened=True)

    @listing
    def rows(self, run_id: str) -> Request[PageOf[RunRow]]:
        """List the finished rows in the order of the plan."""
        return get(path_of("runs", run_id, "rows"), PageOf[RunRow])

    @operation
    def export(
        self,
        run_id: str,
        format: str = "jsonl",  # noqa: A002 - the name of the API
        *,
        context: bool = False,
        split: float = 0.0,
        reasoning: Reasoning | None = None,
    ) -> Request[bytes]:
        """
        Return the finished rows as a file, of at most 64 MiB. `export_to` writes larger ones.

        Args:
            run_id: The run.
            format: A format of trainers; see the guide of datasets.
            context: Put the passage of a conversation into its system message.
            split: The fraction of rows for validation.
            reasoning: What to do with reasoning.
        """
        return _export(run_id, format=format, context=context, split=split, reasoning=reasoning)

    @saving
    def export_to(
        self,
        run_id: str,
        target: Target,
        format: str = "jsonl",  # noqa: A002 - the name of the API
        *,
        context: bool = False,
        split: float = 0.0,
        reasoning: Reasoning | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> Download:
        """
        Write the finished rows to a file as they arrive, and return the number of bytes; see `export`.

        Args:
            run_id: The run.
            target: The path of a file, or an open binary file. A path is replaced once the export is complete; if
                anything fails, it is unchanged.
            format: A format of trainers; see the guide of datasets.
            context: Put the passage of a conversation into its system message.
            split: The fraction of rows for validation.
            reasoning: What to do with reasoning.
            progress: Called with the number of bytes that were written so far.

        Raises:
            OSError: The file cannot be written.
        """
        request = _export(run_id, format=format, context=context, split=split, reasoning=reasoning)
        return Download(request=request, target=target, progress=progress)

    @operation
    def cancel(self, run_id: str, *, idempotency_key: str | None = None) -> Request[RunDetails]:
        """Cancel a run. Its finished rows stay."""
        return create(path_of("runs", run_id, "cancel"), RunDetails, idempotency_key=idempotency_key)

    @operation
    def resume(self, run_id: str, *, idempotency_key: str | None = None) -> Request[RunDetails]:
        """Continue a run that failed, was cancelled, or has failed rows."""
        return create(path_of("runs", run_id, "resume"), RunDetails, idempotency_key=idempotency_key)

    @operation
    def delete(self, run_id: str) -> Request[None]:
        """Delete a run with its rows."""
        return act("DELETE", path_of("runs", run_id))


def _export(run_id: str, **query: object) -> Request[bytes]:
    return Request(method="GET", path=path_of("runs", run_id, "export"), read=read_bytes, query=query)


def _read_status(_: ReplyHead, event: ServerSentEvent) -> RunStatus | None:
    return reader(RunStatus)(event.data) if event.event in ("progress", _END) else None
