"""The rows that are open, and those of them that wait for another one."""

from __future__ import annotations

from budwood_generation.runs.tasks import RowTask


class OpenRows:
    """
    The rows that are open. A row waits while the one in `Cell.after` is open, since it is told what was asked in it.

    A row is opened after those with lower indexes, so the row that it waits for is open, set aside or has ended.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._waiting: dict[int, list[RowTask]] = {}

    def __len__(self) -> int:
        """Return the number of open rows."""
        return len(self._open)

    def add(self, task: RowTask) -> bool:
        """Open a row. Returns whether it can start; otherwise `close` returns it later."""
        self._open.add(task.index)
        after = task.row.cell.after
        if after is None or after not in self._open:
            return True
        self._waiting.setdefault(after, []).append(task)
        return False

    def close(self, index: int) -> list[RowTask]:
        """Close a row, and return the rows that waited for it."""
        self._open.discard(index)
        return self._waiting.pop(index, [])
