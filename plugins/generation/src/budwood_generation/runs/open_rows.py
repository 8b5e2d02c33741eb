"""The rows that are open, and those of them that wait for another one."""

from __future__ import annotations

from collections.abc import Callable

from budwood_generation.runs.tasks import RowTask


class OpenRows:
    """
    The rows that are open. A row waits while the one in `Cell.after` is open, since it is told what was asked in it.

    A row is opened after those with lower indexes, so the row that it waits for is open, set aside or has ended. If a
    run is resumed with a damaged journal, that row may have ended while one before it, whose questions the row is also
    told, is open. Then the row waits for the latter.

    Args:
        find_previous: Returns the row that a row was told of, as in `Cell.after`, for a run that is resumed.
    """

    def __init__(self, find_previous: Callable[[int], int | None] | None = None) -> None:
        self._find_previous = find_previous
        self._open: set[int] = set()
        self._waiting: dict[int, list[RowTask]] = {}

    def __len__(self) -> int:
        """Return the number of open rows."""
        return len(self._open)

    def add(self, task: RowTask) -> bool:
        """Open a row. Returns whether it can start; otherwise `close` returns it later."""
        self._open.add(task.index)
        after = self._find_open(task.row.cell.after)
        if after is None:
            return True
        self._waiting.setdefault(after, []).append(task)
        return False

    def _find_open(self, index: int | None) -> int | None:
        """Return the row of an index if it is open; in a run that is resumed, else the last one before it that is."""
        if index is None or index in self._open:
            return index
        if self._find_previous is None:
            return None
        lowest = min(self._open)
        while index is not None and index >= lowest:
            if index in self._open:
                return index
            index = self._find_previous(index)
        return None

    def close(self, index: int) -> list[RowTask]:
        """Close a row, and return the rows that waited for it."""
        self._open.discard(index)
        return self._waiting.pop(index, [])
