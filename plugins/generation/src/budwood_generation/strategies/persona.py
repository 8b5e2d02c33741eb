"""Questions from the perspective of personas."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from budwood.contracts import PassageIndex, PluginContext
from budwood.types import Cell, Instruction, Turn
from budwood_generation.strategies.prompts import ask_messages
from budwood_generation.strategies.spread import SpreadCells

PERSONAS: Final = (
    "a newcomer who has never heard of the subject",
    "an experienced engineer who looks for one exact fact",
    "a teacher who prepares a lesson",
    "a sceptic who doubts what is claimed",
    "a manager who has to decide and has little time",
    "a student who learns for an examination",
    "a writer who wants to explain the subject to the public",
    "someone for whom something has just gone wrong",
)
"""The default personas."""


class PersonaSettings(BaseModel):
    """
    Settings of the strategy.

    Attributes:
        personas: Descriptions that complete "You are …".
        request: The request to the asker.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    personas: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] = PERSONAS
    request: str = "Ask one question that this person would ask, in their words."


class PersonaStrategy:
    """Asks from the perspective of each persona, about passages if there are documents."""

    def __init__(self, settings: PersonaSettings, _context: PluginContext) -> None:
        self._settings = settings

    def prepare(self, passages: PassageIndex, count: int, seed: int) -> SpreadCells:
        """Prepare cells that use each persona, and each passage, equally often."""
        return SpreadCells(passages, "persona", self._settings.personas, seed)

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Return messages that ask for a question from the persona."""
        role = f"You are {cell.material['persona']}. You speak with an assistant."
        return Instruction(ask=ask_messages(role, cell, turns, self._settings.request))
