"""Reads the records of calls in the database of the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from budwood.types import CallFilter, CallRecord, UsageTotals
from budwood_server.telemetry.dimensions import to_stored
from budwood_server.telemetry.kept import find_kept
from budwood_server.web.problems import reject
from budwood_usage.database import Figures, Interval, Place, find_calls, read_last_id, sum_calls

if TYPE_CHECKING:
    from budwood_server.database import Database

MAX_GROUPS: Final = 10_000
"""The number of groups of one reply, over all its pages."""

MAX_ID: Final = 2**63 - 1
"""The highest id of a record."""

_PORTION: Final = 500
"""The number of records that are read at once of a long list."""


class NewCalls(NamedTuple):
    """
    Records that are newer than others.

    Attributes:
        records: The records, the oldest first.
        last_id: The id after which later ones follow, also if no record was selected.
    """

    records: Sequence[CallRecord]
    last_id: int


class CallReader:
    """
    Reads the records of calls. All methods raise `DatabaseError` if the database cannot be used.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept = find_kept(database)

    async def list(self, where: CallFilter, *, before: Place | None = None, limit: int) -> Sequence[CallRecord]:
        """
        Return records, the newest first.

        Args:
            where: Selects the calls.
            before: The place after which the list begins; by default its beginning.
            limit: The maximum number of records.
        """
        async with self._database.read() as connection:
            return await connection.run_sync(find_calls, where, before=before, limit=limit)

    async def iterate(self, where: CallFilter) -> AsyncIterator[Sequence[CallRecord]]:
        """Yield all records in portions, the newest first. No transaction is open between two of them."""
        records = await self.list(where, limit=_PORTION)
        yield records
        while len(records) == _PORTION:
            records = await self.list(where, before=find_place(records[-1]), limit=_PORTION)
            yield records

    async def find(self, number: int, where: CallFilter) -> CallRecord | None:
        """Return the record of an id, if the filter selects it; else None."""
        if not 0 < number <= MAX_ID:
            return None
        async with self._database.read() as connection:
            found = await connection.run_sync(find_calls, where, after=number - 1, limit=1)
        return found[0] if found and found[0].id == number else None

    async def sum(self, by: Sequence[str], where: CallFilter) -> Sequence[UsageTotals]:
        """
        Return the sums over groups of calls, ordered by group.

        Args:
            by: Dimensions of `budwood_server.telemetry.dimensions`.
            where: Selects the calls.

        Raises:
            ProblemError: There are more than `MAX_GROUPS`.
        """
        groups = [to_stored(name) for name in by]
        async with self._database.read() as connection:
            totals = await connection.run_sync(sum_calls, groups, where, MAX_GROUPS + 1)
        check_groups(len(totals))
        return totals

    async def read_figures(
        self, intervals: Sequence[Interval], where: CallFilter, by: Sequence[str] = (), *, with_durations: bool = True
    ) -> Sequence[Figures]:
        """
        Return the figures of intervals, as far as the filter selects them. They are kept in memory for the next time.

        Args:
            intervals: The intervals.
            where: Selects the calls.
            by: Dimensions of `budwood_server.telemetry.dimensions`, each of which groups the calls.
            with_durations: Whether to read durations as well.
        """
        groups = [to_stored(name) for name in by]
        async with self._database.read() as connection:
            return await self._kept.read(connection, intervals, where, groups, with_durations=with_durations)

    async def find_last_id(self) -> int:
        """Return the id of the newest record; 0 without any."""
        async with self._database.read() as connection:
            return await connection.run_sync(read_last_id)

    async def read_new(self, where: CallFilter, after: int) -> NewCalls:
        """
        Return records with higher ids than another one.

        Args:
            where: Selects the calls.
            after: The id of the other record, or 0.
        """
        async with self._database.read() as connection:
            last = await connection.run_sync(read_last_id)
            if last <= after:  # the usual case
                return NewCalls((), after)
            found = await connection.run_sync(find_calls, where, after=after, limit=_PORTION)
        return NewCalls(found, found[-1].id if len(found) == _PORTION else max([last, *(call.id for call in found)]))


def check_groups(count: int) -> None:
    """
    Check the number of groups of a reply.

    Raises:
        ProblemError: There are more than `MAX_GROUPS`.
    """
    if count > MAX_GROUPS:
        raise reject(
            f"There are more than {MAX_GROUPS:,} groups.",
            param="by",
            code="too_many_groups",
            hint="Select fewer calls, such as those of a shorter time, or group them by something else.",
        )


def find_place(record: CallRecord) -> Place:
    """Return the place of a record in a list."""
    return Place(record.time, record.id)
