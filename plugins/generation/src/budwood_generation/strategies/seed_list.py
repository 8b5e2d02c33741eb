"""Conversations that begin with given words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from random import Random
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from budwood.contracts import PluginContext
from budwood.types import Cell, CellDraft, Instruction, SourcePassage, Turn
from budwood_generation.strategies.prompting import asking
from budwood_generation.strategies.spreading import evenly

_ROLE: Final = "You are the user in a conversation with an assistant, and go on with it."


class SeedListSettings(BaseModel):
    """
    Settings of the strategy.

    Attributes:
        seeds: What the users say first.
        request: What the asking model is asked for from the second turn on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seeds: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    request: str = "Ask one question that follows from the conversation."


class SeedList:
    """Takes the seeds in turn; a model asks what follows."""

    def __init__(self, settings: SeedListSettings, _context: PluginContext) -> None:
        self._settings = settings

    def plan(self, passages: Sequence[SourcePassage], count: int, random: Random) -> Iterable[CellDraft]:
        """Draft cells: each seed as often as any other, with a passage where there are documents."""
        seeds = evenly(self._settings.seeds, random)
        sources = evenly(passages, random)
        return (CellDraft(passage=next(sources, None), material={"seed": seed}) for seed in islice(seeds, count))

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Say the seed, then have the model ask on."""
        if not turns:
            return Instruction(text=str(cell.material["seed"]))
        return Instruction(ask=asking(_ROLE, cell, turns, self._settings.request))
