"""Uploaded documents in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, tuple_, update

from budwood_server.access.tokens import new_id
from budwood_server.api_models.moments import from_seconds
from budwood_server.api_models.runs import DocumentDetails
from budwood_server.database.tables import RUN_DOCUMENTS as DOCUMENTS
from budwood_server.web.problems import Problem, ProblemError, reject

if TYPE_CHECKING:
    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.people.principals import Principal


def new_document_id() -> str:
    """Return the id of a new document."""
    return f"doc_{new_id()}"


async def add_document(
    connection: AsyncConnection, principal: Principal, details: DocumentDetails, *, max_bytes: int
) -> None:
    """
    Record a document.

    Args:
        connection: A transaction that writes.
        principal: Whose it is.
        details: Describe it.
        max_bytes: The maximum size of all documents of the owner.

    Raises:
        ProblemError: 413: they are larger.
    """
    query = select(func.coalesce(func.sum(DOCUMENTS.c.size), 0)).where(DOCUMENTS.c.owner == principal.owner)
    if (await connection.execute(query)).scalar_one() + details.bytes > max_bytes:
        raise reject(
            f"Your documents have more than {max_bytes:,} bytes.",
            code="request_too_large",
            hint="Delete some, or ask the operator to raise max_uploads in [server.runs].",
            status=413,
        )
    await connection.execute(
        insert(DOCUMENTS).values(
            id=details.id,
            owner=principal.owner,
            name=details.name,
            size=details.bytes,
            sha256=details.sha256,
            created=details.created.timestamp(),
        )
    )


def describe_document(document_id: str, name: str, size: int, sha256: str) -> DocumentDetails:
    """Return the description of a new document."""
    return DocumentDetails(id=document_id, name=name, bytes=size, sha256=sha256, created=datetime.now(UTC))


async def renew_same(connection: AsyncConnection, owner: str, details: DocumentDetails) -> DocumentDetails | None:
    """Return the document of an owner with the same name and content, which counts as uploaded now; or None."""
    is_same = (DOCUMENTS.c.owner == owner) & (DOCUMENTS.c.name == details.name) & (DOCUMENTS.c.sha256 == details.sha256)
    query = update(DOCUMENTS).where(is_same).values(created=details.created.timestamp()).returning(DOCUMENTS)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else to_details(row)


async def find_documents(connection: AsyncConnection, owner: str, ids: Collection[str]) -> Sequence[DocumentDetails]:
    """Return the documents of an owner that have these ids."""
    query = select(DOCUMENTS).where(DOCUMENTS.c.owner == owner, DOCUMENTS.c.id.in_(ids))
    return [to_details(row) for row in (await connection.execute(query)).mappings()]


async def list_documents(
    connection: AsyncConnection, owner: str, *, before: tuple[float, str] | None, limit: int
) -> Sequence[RowMapping]:
    """Return the rows of an owner's documents, the newest first."""
    query = select(DOCUMENTS).where(DOCUMENTS.c.owner == owner)
    if before is not None:
        query = query.where(tuple_(DOCUMENTS.c.created, DOCUMENTS.c.id) < before)
    query = query.order_by(DOCUMENTS.c.created.desc(), DOCUMENTS.c.id.desc()).limit(limit)
    return (await connection.execute(query)).mappings().all()


async def remove_document(connection: AsyncConnection, owner: str, document_id: str) -> None:
    """
    Remove a document from the database.

    Raises:
        ProblemError: 404: there is none, or another owner has it.
    """
    query = delete(DOCUMENTS).where(DOCUMENTS.c.id == document_id, DOCUMENTS.c.owner == owner)
    if not (await connection.execute(query)).rowcount:
        message = f"No such document: {document_id!r}."
        raise ProblemError(Problem(status=404, message=message, code="not_found"))


def to_details(row: RowMapping) -> DocumentDetails:
    """Return what is shown of the document of a row."""
    return DocumentDetails(
        id=row["id"], name=row["name"], bytes=row["size"], sha256=row["sha256"], created=from_seconds(row["created"])
    )
