"""``/api/runs``: dataset runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.access.keys import ADMIN
from budwood_server.api.access import get_database, get_worker, require
from budwood_server.api.errors import list_responses
from budwood_server.api.exchanges import to_exchange
from budwood_server.api.following import stream_events
from budwood_server.api.idempotency import IdempotencyKey, create_once
from budwood_server.api.paging import Page, PageQuery
from budwood_server.api.pattern_words import RUN_ID_PATTERN
from budwood_server.api_models.runs import RunDetails, RunProgress, RunRow, RunState, SubmittedRun
from budwood_server.people import audit
from budwood_server.people.principals import Principal
from budwood_server.people.roles import RUNS_READ, RUNS_WRITE
from budwood_server.runs import store
from budwood_server.runs.documents import find_documents
from budwood_server.runs.exporting import MEDIA_TYPES, ExportOptions, Format, export
from budwood_server.runs.folders import RunFolders, open_folders
from budwood_server.runs.following import RunChanges
from budwood_server.runs.preparation import load_location, load_notes
from budwood_server.runs.records import Run
from budwood_server.runs.rows import has_journal, read_page
from budwood_server.runs.submission import prepare_run
from budwood_server.web.event_streams import MEDIA_TYPE as EVENTS
from budwood_server.web.event_streams import EventStreams
from budwood_server.web.problems import reject

router = APIRouter(prefix="/api/runs", tags=["runs"])

BLOCK: Final = 256 * 1024
MAX_VERSION: Final = 2**63 - 1

_STREAMS: Final = EventStreams("runs", "GET /api/runs/{id}")
_ERRORS: Final = list_responses(400, 401, 403, 404, 503)

_find_reader = require(RUNS_READ)
Reader = Annotated[Principal, Depends(_find_reader)]
Writer = Annotated[Principal, Depends(require(RUNS_WRITE))]
RunId = Annotated[str, Path(pattern=RUN_ID_PATTERN)]
Last = Annotated[int | None, Header(alias="last-event-id", ge=0, le=MAX_VERSION)]


def get_folders(request: Request) -> RunFolders:
    """
    Return the folders of runs.

    Raises:
        ProblemError: 404: this server has no runs.
    """
    return open_folders(get_worker(request).configuration.server.runs)


def get_owner(principal: Principal) -> str | None:
    """Return whose runs somebody sees; None for those of all owners."""
    return None if ADMIN in principal.scopes else principal.owner


Folders = Annotated[RunFolders, Depends(get_folders)]


@router.post("", status_code=201, response_model=RunDetails, responses=_ERRORS | list_responses(409, 429))
async def submit(
    request: Request, writer: Writer, folders: Folders, body: SubmittedRun, idempotency_key: IdempotencyKey = None
) -> Response:
    """Submit a run. A worker executes it as soon as one is free; the key or account pays for its calls."""
    worker = get_worker(request)
    with folders.new_part() as part:
        run_id = store.new_run_id()
        preparation = prepare_run(worker, writer, body.specification, run_id=run_id, part=part, folders=folders)
        table = await to_exchange(request).run(preparation)
        location = await asyncio.to_thread(load_location, part)
        progress = RunProgress(location=location, notes=load_notes(part))

        async def create(connection: AsyncConnection) -> RunDetails:
            run = await store.submit_run(
                connection,
                writer,
                body.name or await _name_run(connection, writer.owner, table),
                table,
                run_id=run_id,
                max_waiting=worker.configuration.server.runs.max_waiting,
                progress=progress,
            )
            await audit.record(connection, writer, "run.submit", run.id, {"name": run.name})
            folders.runs.keep(part, run.id)
            return run.to_details()

        answer = await create_once(request, writer, idempotency_key, create)
    folders.runs.settle(run_id)
    return answer


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_all(
    request: Request, reader: Reader, paging: PageQuery, state: Annotated[RunState | None, Query()] = None
) -> Page[RunDetails]:
    """List runs, the newest first. An administrator sees those of all owners."""
    before = paging.after(float, str)
    async with get_database(request).read() as connection:
        runs = await store.list_runs(
            connection, get_owner(reader), state=state, before=before and (before[0], before[1]), limit=paging.fetch
        )
    return Page[RunDetails].of(runs, paging, Run.to_details, lambda run: (run.created, run.id))


@router.get("/{run_id}", responses=_ERRORS)
async def show(request: Request, reader: Reader, run_id: RunId) -> RunDetails:
    """Return a run, with its progress."""
    return (await _find(request, reader, run_id)).to_details()


@router.get(
    "/{run_id}/events",
    response_class=StreamingResponse,
    responses=_ERRORS | list_responses(429) | {200: {"content": {EVENTS: {}}, "description": "Events."}},
)
async def follow(request: Request, reader: Reader, run_id: RunId, last: Last = None) -> Response:
    """
    Send an event ``progress`` for each change of a run, and the event ``end`` when it has ended.

    The data of an event is the run without its specification; its id is the number of the change. A stream that is
    connected again with the header ``last-event-id``, as browsers do, gets only what is newer.
    """
    await _find(request, reader, run_id)
    _STREAMS.check()
    changes = RunChanges(lambda: _find(request, reader, run_id), last or 0)
    return stream_events(request, _STREAMS, changes.look, _find_reader)


@router.get("/{run_id}/rows", responses=_ERRORS)
async def list_rows(
    request: Request, reader: Reader, folders: Folders, run_id: RunId, paging: PageQuery
) -> Page[RunRow]:
    """List the finished rows in the order of the plan, also while the run is executed."""
    run = await _find(request, reader, run_id)
    (after,) = paging.after(int) or (-1,)
    output = await asyncio.to_thread(folders.output, run.id)
    rows = await asyncio.to_thread(read_page, output, max(after, -1), paging.fetch)
    return Page[RunRow].of(rows, paging, lambda row: row, lambda row: [row.index])


@router.get(
    "/{run_id}/export",
    response_class=StreamingResponse,
    responses=_ERRORS
    | list_responses(409)
    | {200: {"content": {kind: {} for kind in (*MEDIA_TYPES.values(), "application/octet-stream")}}},
)
async def export_rows(
    request: Request,
    reader: Reader,
    folders: Folders,
    run_id: RunId,
    to: Annotated[Format, Query(alias="format")] = "jsonl",
    *,
    context: Annotated[bool, Query(description="Put the passage of a conversation into its system message.")] = False,
    split: Annotated[float, Query(ge=0, lt=1, description="The fraction of rows for validation.")] = 0.0,
    reasoning: Annotated[Literal["drop", "field", "tags"] | None, Query()] = None,
) -> Response:
    """Return the finished rows as a file in a format of trainers; a ZIP archive if the format has several files."""
    run = await _find(request, reader, run_id)
    output = await asyncio.to_thread(folders.output, run.id)
    if not await asyncio.to_thread(has_journal, output):
        raise reject("The run has no rows yet.", code="no_rows", hint="Wait until it is executed.", status=409)
    options = ExportOptions(to, context=context, split=split, reasoning=reasoning)
    exports = _write_export(folders, output, options)
    name = (await anext(exports)).decode()  # an error has a status of its own until then
    headers = {"content-disposition": f'attachment; filename="{run.id}{name}"', "cache-control": "no-store"}
    media_type = MEDIA_TYPES.get(name, "application/octet-stream")
    return StreamingResponse(exports, media_type=media_type, headers=headers)


@router.post("/{run_id}/cancel", response_model=RunDetails, responses=_ERRORS | list_responses(409))
async def cancel(request: Request, writer: Writer, run_id: RunId, idempotency_key: IdempotencyKey = None) -> Response:
    """Cancel a run. Its finished rows stay, and it can be resumed."""

    async def act(connection: AsyncConnection) -> RunDetails:
        run = await store.find_run(connection, run_id, get_owner(writer), for_update=True)
        cancelled = await store.cancel_run(connection, run)
        await audit.record(connection, writer, "run.cancel", run.id, {"name": run.name})
        return cancelled.to_details()

    return await create_once(request, writer, idempotency_key, act, status=200)


@router.post("/{run_id}/resume", response_model=RunDetails, responses=_ERRORS | list_responses(409))
async def resume(
    request: Request, writer: Writer, folders: Folders, run_id: RunId, idempotency_key: IdempotencyKey = None
) -> Response:
    """Continue a run that failed, was cancelled, or has failed rows, which are tried again."""

    async def act(connection: AsyncConnection) -> RunDetails:
        run = await store.find_run(connection, run_id, get_owner(writer), for_update=True)
        if not folders.runs.path(run.id).is_dir():
            raise reject("The files of the run were removed.", code="no_files", hint="Submit it again.", status=409)
        resumed = await store.resume_run(connection, run)
        await audit.record(connection, writer, "run.resume", run.id, {"name": run.name})
        return resumed.to_details()

    return await create_once(request, writer, idempotency_key, act, status=200)


@router.delete("/{run_id}", status_code=204, responses=_ERRORS | list_responses(409))
async def delete(request: Request, writer: Writer, folders: Folders, run_id: RunId) -> None:
    """Delete a run with its rows. One that is executed must be cancelled first."""
    async with get_database(request).write() as connection:
        run = await store.find_run(connection, run_id, get_owner(writer), for_update=True)
        await store.delete_run(connection, run)
        folders.runs.mark([run.id])
        await audit.record(connection, writer, "run.delete", run.id, {"name": run.name})
    await asyncio.to_thread(folders.runs.remove, [run.id])


async def _find(request: Request, principal: Principal, run_id: str) -> Run:
    async with get_database(request).read() as connection:
        return await store.find_run(connection, run_id, get_owner(principal))


async def _write_export(folders: RunFolders, output: FilePath, options: ExportOptions) -> AsyncIterator[bytes]:
    """Yield the suffix of the exported file, and then its content. The file is removed at the end."""
    with folders.new_part() as part:
        path = await export(output, part, options)
        yield path.suffix.encode()
        with path.open("rb") as file:
            while block := await asyncio.to_thread(file.read, BLOCK):
                yield block


async def _name_run(connection: AsyncConnection, owner: str, table: Mapping[str, Any]) -> str:
    """Return a name for a run: what it is about, as far as its specification says."""
    documents = table.get("documents")
    paths = documents.get("paths") if isinstance(documents, dict) else None
    kind = "conversations" if table.get("conversation") else "rows"
    name = f"{table.get('rows')} {kind}"
    if not isinstance(paths, list) or not paths:
        return name
    first = str(paths[0])
    found = await find_documents(connection, owner, [first])  # it may be the id of an uploaded document
    return f"{name} from {(found[0].name if found else first)[:60]}"
