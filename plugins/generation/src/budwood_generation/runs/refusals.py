"""Models that reject every call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from budwood.errors import BudwoodError, NotFoundError

MIN_REFUSALS: Final = 10
"""Calls of a model that end without an accepted reply, before its first one, and stop the run; at least the slots."""


class Refusals:
    """
    Counts the calls of each model that ended without an accepted reply, before its first one.

    Args:
        models: The models.
        slots: The most calls at a time.
        rows: The number of rows to create.
    """

    def __init__(self, models: Iterable[str], slots: int, rows: int) -> None:
        self._limit = max(MIN_REFUSALS, slots)
        self._rows = rows
        self._counts: dict[str, int | None] = dict.fromkeys(models, 0)  # None after the first accepted reply

    def accept(self, model: str) -> None:
        """Stop counting for a model: a reply of it was accepted."""
        self._counts[model] = None

    def count(self, model: str, error: BudwoodError) -> bool:
        """Count a call. Returns whether the run stops; the error then says why."""
        count = self._counts[model]
        if count is None:
            return False
        self._counts[model] = count = count + 1
        if count < (min(self._limit, self._rows) if isinstance(error, NotFoundError) else self._limit):
            return False
        error.add_note(f"The run stopped because {model} gave no usable reply to the first rows ({count}).")
        return True
