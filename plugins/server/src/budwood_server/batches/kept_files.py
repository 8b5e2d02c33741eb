"""Files that this server keeps itself, in its database: the lines of batches, and their results."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from sqlalchemy import delete, insert, select

from budwood_server.access.ownership import forget, not_found
from budwood_server.access.public_ids import FILE, encode_id
from budwood_server.database.tables import FILE_BLOCKS

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.access.ownership import OwnedObject, Ownership
    from budwood_server.database import Database
    from budwood_server.routes.requests import Request

BLOCK: Final = 1024 * 1024
"""The bytes of a file that are in memory at once."""


class KeptFiles:
    """
    Keeps files until they expire. All methods raise `DatabaseError` if the database cannot be used.

    Args:
        database: The database.
        ownership: Records who may use them.
        now: Returns the seconds since 1970.
    """

    def __init__(self, database: Database, ownership: Ownership, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._ownership = ownership
        self._now = now

    async def add(
        self, path: Path, file_id: str, seconds: float, facts: dict[str, Any], *, owner: str, provider: str
    ) -> OwnedObject:
        """
        Keep a file, in place of one with the same id. Those that have expired are removed.

        Args:
            path: The content.
            file_id: Identifies it, in place of the vendor's id.
            seconds: How long it is kept.
            facts: ``filename``, ``purpose``, and what else is kept about it.
            owner: Who may use it.
            provider: The provider of the batch.
        """
        public_id, now = encode_id(FILE, provider, file_id), self._now()
        expires = now + seconds
        with path.open("rb") as content:
            async with self._database.write() as connection:
                await _remove_expired(connection, now)
                await connection.execute(delete(FILE_BLOCKS).where(FILE_BLOCKS.c.public_id == public_id))
                size = await _insert(connection, content, public_id, expires)
        data = {
            "bytes": size,
            "created_at": int(now),
            "expires_at": int(expires),
            "status": "processed",
            "status_details": None,
            "kept": True,
            **facts,
        }
        return await self._ownership.record(FILE, public_id, owner, provider=provider, vendor_id=file_id, data=data)

    def check(self, found: OwnedObject) -> None:
        """
        Check that a file has not expired.

        Raises:
            ProblemError: 404: it has.
        """
        if found.data["expires_at"] <= self._now():
            raise not_found(FILE, found.public_id)

    async def read(self, found: OwnedObject) -> AsyncIterator[bytes]:
        """
        Yield the content of a file, block by block.

        Raises:
            ProblemError: 404: it has expired.
        """
        self.check(found)
        number, left = 0, found.data["bytes"]
        while left > 0:
            query = select(FILE_BLOCKS.c.content).where(
                FILE_BLOCKS.c.public_id == found.public_id, FILE_BLOCKS.c.number == number
            )
            async with self._database.read() as connection:
                block: bytes | None = (await connection.execute(query)).scalar_one_or_none()
            if block is None:
                raise not_found(FILE, found.public_id)
            yield block
            number, left = number + 1, left - len(block)

    async def write_to(self, found: OwnedObject, path: Path) -> None:
        """
        Write the content of a file to another one.

        Raises:
            ProblemError: 404: it has expired.
        """
        with path.open("wb") as writing:
            async for block in self.read(found):
                await asyncio.to_thread(writing.write, block)

    async def delete(self, found: OwnedObject) -> None:
        """
        Remove a file.

        Raises:
            ProblemError: 404: there is none any more.
        """
        await self._ownership.delete(FILE, found.public_id, found.owner)
        async with self._database.write() as connection:
            await connection.execute(delete(FILE_BLOCKS).where(FILE_BLOCKS.c.public_id == found.public_id))


def open_kept_files(request: Request) -> KeptFiles:
    """
    Return the files that the server of a request keeps.

    Raises:
        ProblemError: The server has no database.
    """
    return KeptFiles(request.database, request.ownership)


async def _insert(connection: AsyncConnection, content: BinaryIO, public_id: str, expires: float) -> int:
    """Insert the blocks of a file, and return its size."""
    size = number = 0
    while block := await asyncio.to_thread(content.read, BLOCK):
        row = {"public_id": public_id, "number": number, "expires": expires, "content": block}
        await connection.execute(insert(FILE_BLOCKS).values(row))
        size, number = size + len(block), number + 1
    return size


async def _remove_expired(connection: AsyncConnection, now: float) -> None:
    """Remove all files that have expired, with what is recorded about them."""
    expired = select(FILE_BLOCKS.c.public_id).where(FILE_BLOCKS.c.expires < now)
    await forget(connection, FILE, expired)
    await connection.execute(delete(FILE_BLOCKS).where(FILE_BLOCKS.c.expires < now))
