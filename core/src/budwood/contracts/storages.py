"""Storages of datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from budwood.types import Row


class Storage(Protocol):
    """Writes the rows of a dataset where users want them."""

    def write(self, rows: Iterable[Row]) -> int:
        """
        Replace the output by these rows, in one step: a reader sees the old output or the new, never a part.

        Returns:
            How many rows were written.
        """
        ...
