"""Questions of many kinds of people."""

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
"""Who asks where the settings name nobody."""


class PersonaSettings(BaseModel):
    """
    Settings of the strategy.

    Attributes:
        personas: Who asks, as in "You are …".
        request: What the asking model is asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    personas: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] = PERSONAS
    request: str = "Ask one question that this person would ask, in their words."


class PersonaStrategy:
    """Has each persona ask, about the passages where there are documents."""

    def __init__(self, settings: PersonaSettings, _context: PluginContext) -> None:
        self._settings = settings

    def plan(self, passages: Sequence[SourcePassage], count: int, random: Random) -> Iterable[CellDraft]:
        """Draft cells: each persona and each passage as often as any other."""
        personas = evenly(self._settings.personas, random)
        sources = evenly(passages, random)
        return (
            CellDraft(passage=next(sources, None), material={"persona": persona}) for persona in islice(personas, count)
        )

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Have the model ask as the persona would."""
        role = f"You are {cell.material['persona']}. You speak with an assistant."
        return Instruction(ask=asking(role, cell, turns, self._settings.request))
