"""Figures of intervals that are kept in memory, so that only intervals with new records are read again."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood.types import CallFilter
from budwood_usage.database import (
    Figures,
    Interval,
    count_records,
    find_times,
    make_figures,
    read_figures,
    read_last_id,
)

if TYPE_CHECKING:
    from budwood_server.database import Database

MAX_BYTES: Final = 16 * 2**20
"""About how much memory the figures of a database take at most: those of a month of two million calls."""

_GROUP_BYTES: Final = 700
_BYTES: Final = 500
"""About how much memory an entry takes without its groups."""


class _Selection(NamedTuple):
    """What figures are read of, apart from their interval."""

    where: tuple[object, ...]
    by: tuple[str, ...]
    with_durations: bool


_Key = tuple[_Selection, Interval]


@dataclass(frozen=True, slots=True)
class _Entry:
    """Figures with the number of records of their interval, and the highest id of all records, when they were read."""

    figures: Figures
    count: int | None
    last_id: int

    @property
    def size(self) -> int:
        groups = sum(map(len, self.figures.groups.values()))
        return _BYTES + groups * _GROUP_BYTES + len(self.figures.durations) * self.figures.durations.itemsize


class _News(NamedTuple):
    """The highest id of all records, and the time of those that are newer than some entry; None if there are none."""

    last_id: int
    time: Interval | None

    def touch(self, interval: Interval) -> bool:
        return self.time is not None and self.time.since < interval.until and self.time.until >= interval.since


class KeptFigures:
    """
    Figures of intervals of one database.

    They are checked before use: the records of an interval are the same as long as none was added, which ids tell, and
    none was removed, which their number tells.

    Args:
        max_bytes: About how much memory they take at most. Those that were not used for the longest time are dropped.
        notices_removal: Whether records are counted. Without it, figures of intervals may be those before old records
            were removed, and reading takes no time that grows with the number of records.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, *, notices_removal: bool = True) -> None:
        self._max_bytes = max_bytes
        self._notices_removal = notices_removal
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._size = 0

    async def read(
        self,
        connection: AsyncConnection,
        intervals: Sequence[Interval],
        where: CallFilter,
        by: Sequence[str],
        *,
        with_durations: bool,
    ) -> Sequence[Figures]:
        """
        Return the figures of each interval, as far as the filter selects it.

        Args:
            connection: A connection of the database.
            intervals: The intervals, at most a few hundred.
            where: Selects the calls.
            by: The groups of the usage store.
            with_durations: Whether to read durations as well.
        """
        selection = _Selection(_describe(where), tuple(by), with_durations)
        parts = [interval.within(where) for interval in intervals]
        news = await connection.run_sync(_find_news, [self._entries.get((selection, part)) for part in parts])
        counts: Sequence[int | None] = [None] * len(parts)
        if self._notices_removal:
            counts = await connection.run_sync(count_records, parts)
        found = []
        for part, count in zip(parts, counts, strict=True):
            entry = self._take((selection, part))
            if entry is not None and entry.count == count and not news.touch(part):
                figures = entry.figures
            elif count == 0:
                figures = make_figures((), by)
            else:
                figures = await connection.run_sync(read_figures, part, where, by, with_durations=with_durations)
            self._keep((selection, part), _Entry(figures, count, news.last_id))
            found.append(figures)
        return found

    def _take(self, key: _Key) -> _Entry | None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= entry.size
        return entry

    def _keep(self, key: _Key, entry: _Entry) -> None:
        self._take(key)  # another request may have read them in the meantime
        self._entries[key] = entry
        self._size += entry.size
        while self._size > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self._size -= oldest.size


def _find_news(connection: Connection, entries: Sequence[_Entry | None]) -> _News:
    """Return what is newer than the oldest of the entries."""
    last = read_last_id(connection)
    after = min((entry.last_id for entry in entries if entry is not None), default=last)
    if last < after:  # the database was replaced by a copy of an earlier time
        return _News(last, Interval(-math.inf, math.inf))
    return _News(last, None if last == after else find_times(connection, after))


def _describe(where: CallFilter) -> tuple[object, ...]:
    """Return the values of a filter that select calls within an interval."""
    values = {each.name: getattr(where, each.name) for each in fields(where) if each.name not in ("since", "until")}
    return tuple((values | {"tags": tuple(sorted(where.tags.items()))}).values())


_KEPT: Final[WeakKeyDictionary[Database, KeptFigures]] = WeakKeyDictionary()


def find_kept(database: Database) -> KeptFigures:
    """Return the figures of a database, which end with it."""
    return _KEPT.setdefault(database, KeptFigures())
