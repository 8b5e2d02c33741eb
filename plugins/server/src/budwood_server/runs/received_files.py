"""Files that were received, and become uploaded documents."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from budwood_server.people import audit
from budwood_server.runs import documents

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.api_models.runs import DocumentDetails
    from budwood_server.database import Database
    from budwood_server.people.principals import Principal
    from budwood_server.runs.folders import RunFolders


class ReceivedFile(NamedTuple):
    """
    A file that was received.

    Attributes:
        name: Its name, which matches `document_names.NAME_PATTERN`.
        path: Where it is, on the disk of the folders of runs.
        size: Its size in bytes.
        sha256: The hash of its content.
    """

    name: str
    path: Path
    size: int
    sha256: str


async def store_files(
    database: Database, folders: RunFolders, writer: Principal, files: Sequence[ReceivedFile], max_bytes: int
) -> list[DocumentDetails]:
    """
    Store files as documents, all of them or none. The same content under the same name is stored once.

    Args:
        database: The database.
        folders: The folders of runs, into which the files are moved.
        writer: Whose the documents are.
        files: The files.
        max_bytes: The maximum size of all documents of the writer.

    Raises:
        ProblemError: 413: they are larger.
    """
    stored: list[DocumentDetails] = []
    added: dict[str, ReceivedFile] = {}
    async with database.write() as connection:
        for file in files:
            new = documents.describe_document(documents.new_document_id(), file.name, file.size, file.sha256)
            known = await documents.renew_same(connection, writer.owner, new)
            if known is None:
                await _add(connection, writer, new, max_bytes)
                added[new.id] = file
            stored.append(known or new)
        for document_id, file in added.items():
            folders.documents.keep(file.path, document_id)
    for document_id in added:
        folders.documents.settle(document_id)
    return stored


async def _add(connection: AsyncConnection, writer: Principal, details: DocumentDetails, max_bytes: int) -> None:
    await documents.add_document(connection, writer, details, max_bytes=max_bytes)
    await audit.record(
        connection, writer, "run_document.create", details.id, {"name": details.name, "bytes": details.bytes}
    )


async def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits. It is read in a thread."""

    def compute() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return await asyncio.to_thread(compute)
