"""Remove runs and documents that are older than their retention, and files that processes left which were killed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select

from budwood import logs
from budwood_server.api_models.runs import ENDED
from budwood_server.database.tables import RUN_DOCUMENTS, RUNS
from budwood_server.runs.inputs import list_document_ids
from budwood_server.settings import DAY_SECONDS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table

    from budwood_server.database import Database
    from budwood_server.runs.folders import RunFolders
    from budwood_server.runs.kept_files import KeptFiles

UNFINISHED_SECONDS: Final = 3600.0
"""The age after which files without a row are those of a process that was killed."""

_PORTION: Final = 200
"""The maximum number of rows that a transaction removes."""


@dataclass(frozen=True, slots=True)
class Retention:
    """
    Removes what is old. A row is removed before its files, so what is visible is whole also after a kill.

    Args:
        database: The database.
        folders: Have the files.
        days: The age after which runs that have ended are removed, and uploaded documents.
        now: Returns the seconds since 1970.
    """

    database: Database
    folders: RunFolders
    days: float
    now: Callable[[], float] = time.time

    async def sweep(self) -> None:
        """
        Remove what is old now.

        Raises:
            DatabaseError: The database cannot be used.
        """
        before = self.now() - self.days * DAY_SECONDS
        is_old = RUNS.c.state.in_(ENDED) & (RUNS.c.finished < before)
        await self._remove(RUNS, self.folders.runs, is_old)
        in_use = await self._find_documents_in_use()
        await self._remove(RUN_DOCUMENTS, self.folders.documents, RUN_DOCUMENTS.c.created < before, in_use)

        unfinished = self.now() - UNFINISHED_SECONDS
        await asyncio.to_thread(self.folders.remove_parts, unfinished)
        await self._remove_unfinished(RUNS, self.folders.runs, unfinished)
        await self._remove_unfinished(RUN_DOCUMENTS, self.folders.documents, unfinished)

    async def _remove(
        self, table: Table, files: KeptFiles, is_old: ColumnElement[bool], in_use: Collection[str] = ()
    ) -> None:
        """Remove old rows that are not in use, in several transactions, and the files of each."""
        async with self.database.read() as connection:
            found = (await connection.execute(select(table.c.id).where(is_old))).scalars().all()
        for portion in _split([each for each in found if each not in in_use]):
            async with self.database.write() as connection:
                query = select(table.c.id).where(table.c.id.in_(portion), is_old).with_for_update(skip_locked=True)
                ids: Sequence[str] = (await connection.execute(query)).scalars().all()
                await asyncio.to_thread(files.mark, ids)
                await connection.execute(delete(table).where(table.c.id.in_(ids)))
            await asyncio.to_thread(files.remove, ids)
            logs.emit("old rows removed", table=table.name, count=len(ids))

    async def _find_documents_in_use(self) -> set[str]:
        """Return the ids of documents that runs name which have not ended."""
        async with self.database.read() as connection:
            query = select(RUNS.c.specification).where(RUNS.c.state.not_in(ENDED))
            specifications = (await connection.execute(query)).scalars()
            return {each for specification in specifications for each in list_document_ids(specification)}

    async def _remove_unfinished(self, table: Table, files: KeptFiles, before: float) -> None:
        """Remove files whose row was deleted or never written before a moment."""
        for portion in _split(await asyncio.to_thread(files.list_marked, before)):
            async with self.database.read() as connection:
                query = select(table.c.id).where(table.c.id.in_(portion))
                known = set((await connection.execute(query)).scalars())
            await asyncio.to_thread(files.remove, [each for each in portion if each not in known])
            for each in known:
                files.settle(each)


def _split(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _PORTION):
        yield ids[start : start + _PORTION]
