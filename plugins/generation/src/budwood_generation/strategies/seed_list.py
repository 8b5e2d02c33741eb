"""Conversations that start with a question from a list."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from budwood.contracts import PassageIndex, PluginContext
from budwood.types import Cell, Instruction, Turn
from budwood_generation.strategies.prompts import ask_messages
from budwood_generation.strategies.spread import SpreadCells

_ROLE: Final = "You are the user in a conversation with an assistant, and go on with it."


class SeedListSettings(BaseModel):
    """
    Settings of the strategy.

    Attributes:
        seeds: The first questions.
        request: The request to the asker, from the second turn on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seeds: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    request: str = "Ask one question that follows from the conversation."


class SeedList:
    """Starts with a seed; from the second turn on, the asker writes the questions."""

    def __init__(self, settings: SeedListSettings, _context: PluginContext) -> None:
        self._settings = settings

    def prepare(self, passages: PassageIndex, count: int, seed: int) -> SpreadCells:
        """Prepare cells that use each seed equally often, with a passage if there are documents."""
        return SpreadCells(passages, "seed", self._settings.seeds, seed)

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Return the seed, or messages that ask for the next question."""
        if not turns:
            return Instruction(text=str(cell.material["seed"]))
        return Instruction(ask=ask_messages(_ROLE, cell, turns, self._settings.request))
