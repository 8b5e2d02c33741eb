"""The cells of a plan: one for each row, computed by number."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from random import Random
from typing import Any, Final

from pydantic_core import to_json

from budwood.contracts import PassageIndex
from budwood.errors import ConfigurationError
from budwood.types import Cell, CellDraft
from budwood.types.record import JSON
from budwood_generation.guards import GuardedCells
from budwood_generation.journal import Stage
from budwood_generation.plugins import RunPlugins
from budwood_generation.randomness import request_seed, seeded_random
from budwood_generation.spec import ConversationSpec, GenerationSpec
from budwood_generation.stages import PassageRange, Segment

_SAMPLE: Final = 1000
"""Rows of a stage whose turns are counted; with twice as many or more, the number of turns is an estimate."""


class PlannedCells:
    """
    The cells of a plan, in the order of the rows. Each is computed when it is asked for.

    Args:
        spec: The specification.
        plugins: The plugins of the run.
        passages: The passages of the documents.
        segments: The rows, divided by the passages that they use.

    Raises:
        ConfigurationError: The strategy has material for fewer rows.
    """

    def __init__(
        self, spec: GenerationSpec, plugins: RunPlugins, passages: PassageIndex, segments: Sequence[Segment]
    ) -> None:
        self._spec = spec
        self._plugins = plugins
        self._passages = passages
        self._segments = segments
        self._starts = [segment.first for segment in segments]
        self._prepared: dict[int, GuardedCells] = {}
        self._prepare(len(segments) - 1)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._spec.rows_to_create

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
            after=draft.after,
        )

    def find_previous(self, index: int) -> int | None:
        """Return the index of the last row before this one that is about the same passage or material."""
        place = bisect_right(self._starts, index) - 1
        origin = self._segments[place].origin
        after = self._prepare(place).find_previous(index - origin, self._random(index))
        return None if after is None else origin + after

    def __iter__(self) -> Iterator[Cell]:
        """Yield all cells."""
        return map(self.__getitem__, range(len(self)))

    def _draft(self, index: int) -> CellDraft:
        """Return the draft of a row, in which `CellDraft.after` is an index."""
        place = bisect_right(self._starts, index) - 1
        origin = self._segments[place].origin
        draft = self._prepare(place).cell(index - origin, self._random(index))
        if draft.after is None:
            return draft
        # rows of values have no asker
        return replace(draft, after=origin + draft.after if self._spec.conversation else None)

    def complete_stages(self, stages: Sequence[Stage]) -> tuple[Stage, ...]:
        """Return stages with the hash of their cells, and the number of their turns where it is missing."""
        return tuple(
            replace(
                stage,
                digest=make_digest([self[stage.first].id, self[stage.end - 1].id]),
                turns=stage.turns or self._count_turns(range(stage.first, stage.end)),
            )
            for stage in stages
        )

    def _count_turns(self, indexes: range) -> int:
        sample = indexes[:: max(1, len(indexes) // _SAMPLE)]
        return round(sum(self[index].turns for index in sample) * len(indexes) / len(sample))

    def _prepare(self, place: int) -> GuardedCells:
        """
        Return the drafts of a segment.

        Raises:
            ConfigurationError: The strategy has material for fewer rows.
        """
        if place not in self._prepared:
            segment = self._segments[place]
            seed = request_seed(self._spec.seed, "plan", *([segment.origin] if segment.origin else []))
            count = segment.end - segment.origin
            drafts = self._plugins.strategy.prepare(PassageRange(self._passages, segment.passages), count, seed)
            if drafts.limit is not None and drafts.limit < count:
                raise ConfigurationError(
                    f"The strategy {self._spec.job.strategy.plugin!r} can plan only {drafts.limit} rows, not {count}.",
                    hint="Lower rows, or add documents, seeds or personas.",
                )
            self._prepared[place] = drafts
        return self._prepared[place]

    def _random(self, index: int) -> Random:
        return seeded_random(self._spec.seed, "plan", index)

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
