"""The cells of a plan: one for each row, computed by number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from pydantic_core import to_json

from budwood.contracts import PassageIndex
from budwood.errors import ConfigurationError
from budwood.types import Cell, CellDraft
from budwood.types.record import JSON
from budwood_generation.plugins import RunPlugins
from budwood_generation.randomness import request_seed, seeded_random
from budwood_generation.spec import ConversationSpec, GenerationSpec


class PlannedCells:
    """
    The cells of a plan, in the order of the rows. Each is computed when it is asked for.

    Args:
        spec: The specification.
        plugins: The plugins of the run.
        passages: The passages of the documents.

    Raises:
        ConfigurationError: The strategy has no material for so many rows.
    """

    def __init__(self, spec: GenerationSpec, plugins: RunPlugins, passages: PassageIndex) -> None:
        self._spec = spec
        self._plugins = plugins
        self._drafts = plugins.strategy.prepare(passages, spec.rows, request_seed(spec.seed, "plan"))
        if self._drafts.limit is not None and self._drafts.limit < spec.rows:
            raise ConfigurationError(
                f"The strategy {spec.job.strategy.plugin!r} planned {self._drafts.limit} rows instead of {spec.rows}.",
                hint="Lower rows, or add documents, seeds or personas.",
            )

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._spec.rows

    def __getitem__(self, index: int) -> Cell:
        """Return the cell of a row."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        draft = self._draft(index)
        turns = self._turns(index, draft)
        passage = draft.passage.id if draft.passage else None
        identity = [self._spec.seed, index, turns, passage, draft.material, self._plugins_digest]
        return Cell(
            id=make_digest(identity)[:32],
            index=index,
            turns=turns,
            passage=draft.passage,
            material=draft.material,
            after=self._after(draft),
        )

    def find_previous(self, index: int) -> int | None:
        """Return the index of the last row before this one that is about the same passage or material."""
        return self._after(self._draft(index))

    def __iter__(self) -> Iterator[Cell]:
        """Yield all cells."""
        return map(self.__getitem__, range(len(self)))

    def _draft(self, index: int) -> CellDraft:
        return self._drafts.cell(index, seeded_random(self._spec.seed, "plan", index))

    def _after(self, draft: CellDraft) -> int | None:
        return draft.after if self._spec.conversation else None  # rows of values have no asker

    @cached_property
    def _plugins_digest(self) -> str:
        return make_digest(self._plugins.identity)

    def _turns(self, index: int, draft: CellDraft) -> int:
        if not isinstance(self._spec.job, ConversationSpec):
            return 1
        minimum, maximum = self._spec.job.turns
        turns = seeded_random(self._spec.seed, "turns", index).randint(minimum, maximum)
        return turns if draft.max_turns is None else min(turns, max(minimum, draft.max_turns))


def make_digest(value: JSON | Mapping[str, Any] | Sequence[Any]) -> str:
    """Return the SHA-256 of a value in JSON, whatever the order of its keys."""
    return hashlib.sha256(to_json(_sort_keys(value))).hexdigest()


def _sort_keys(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _sort_keys(value[key]) for key in sorted(value)}
    return [_sort_keys(item) for item in value] if isinstance(value, list | tuple) else value
