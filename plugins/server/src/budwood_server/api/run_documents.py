"""``/api/runs/documents``: files that specifications of runs name by their ids."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from pathlib import Path as FilePath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request

from budwood_server.api.access import get_database, get_worker
from budwood_server.api.errors import list_responses
from budwood_server.api.exchanges import to_exchange
from budwood_server.api.paging import Page, PageQuery
from budwood_server.api.pattern_words import DOCUMENT_ID_PATTERN
from budwood_server.api.runs import Folders, Reader, Writer
from budwood_server.api_models.runs import DocumentDetails
from budwood_server.people import audit
from budwood_server.runs import documents
from budwood_server.runs.document_names import NAME_PATTERN, check_content, check_name
from budwood_server.runs.received_files import ReceivedFile, store_files
from budwood_server.web.exchange import Exchange
from budwood_server.web.timely_bodies import read_in_time

router = APIRouter(prefix="/api/runs/documents", tags=["runs"])

CONTENT: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

DocumentId = Annotated[str, Path(pattern=DOCUMENT_ID_PATTERN)]
Name = Annotated[
    str,
    Query(pattern=NAME_PATTERN, description="The name of the file, whose ending says of what type it is."),
]


@router.post("", status_code=201, openapi_extra=CONTENT, responses=list_responses(400, 401, 403, 404, 408, 413, 503))
async def upload(request: Request, writer: Writer, folders: Folders, name: Name) -> DocumentDetails:
    """
    Upload a document. The body is its content.

    The same content under the same name is stored once: another upload of it returns the same document.
    """
    check_name(name, "name")
    server = get_worker(request).configuration.server
    settings = server.runs
    with folders.new_part() as part:
        exchange = to_exchange(request)
        size, digest = await _receive(exchange, part / "content", settings.max_documents, server.body_timeout)
        check_content(name, size, "body")
        received = ReceivedFile(name, part / "content", size, digest)
        [details] = await store_files(get_database(request), folders, writer, [received], settings.max_uploads)
    return details


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_all(request: Request, reader: Reader, paging: PageQuery) -> Page[DocumentDetails]:
    """List your documents, the newest first."""
    before = paging.after(float, str)
    async with get_database(request).read() as connection:
        found = await documents.list_documents(
            connection, reader.owner, before=before and (before[0], before[1]), limit=paging.fetch
        )
    return Page[DocumentDetails].of(found, paging, documents.to_details, lambda row: (row["created"], row["id"]))


@router.delete("/{document_id}", status_code=204, responses=list_responses(400, 401, 403, 404, 503))
async def delete(request: Request, writer: Writer, folders: Folders, document_id: DocumentId) -> None:
    """Delete a document. Runs that were submitted with it have a copy."""
    async with get_database(request).write() as connection:
        await documents.remove_document(connection, writer.owner, document_id)
        folders.documents.mark([document_id])
        await audit.record(connection, writer, "run_document.delete", document_id)
    await asyncio.to_thread(folders.documents.remove, [document_id])


async def _receive(exchange: Exchange, path: FilePath, limit: int, timeout: float) -> tuple[int, str]:
    """
    Write a body to a file that only this user can read, and return its size and SHA-256.

    Raises:
        ProblemError: 408 or 413: it did not arrive in time, or is too large.
        ClientGoneError: The client has closed the connection.
    """
    digest, size = hashlib.sha256(), 0
    await asyncio.to_thread(path.touch, 0o600, exist_ok=False)
    parts = read_in_time(exchange, limit, timeout, "max_documents")
    async with contextlib.aclosing(parts):
        with path.open("ab") as file:
            async for block in parts:
                size += len(block)
                digest.update(block)
                await asyncio.to_thread(file.write, block)
    return size, digest.hexdigest()
