"""Storages of datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from budwood.types import Row


class Storage(Protocol):
    """Writes the rows of a dataset."""

    def write(self, rows: Iterable[Row]) -> int:
        """
        Replace the output by these rows atomically: a reader sees the old output or the new one, never a part.

        Returns:
            The number of rows written.
        """
        ...
