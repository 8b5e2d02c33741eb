"""Questions from the perspective of personas."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from budwood.contracts import PassageIndex, PluginContext
from budwood.providing import PromptTemplate
from budwood.types import Cell, Instruction, Turn
from budwood_generation.placeholders import Template
from budwood_generation.strategies.prompts import ask_messages
from budwood_generation.strategies.seeds import AskerSettings, Seeds
from budwood_generation.strategies.spread import Items, SpreadCells

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


class PersonaSettings(AskerSettings):
    """
    Settings of the strategy.

    Attributes:
        personas: Descriptions that complete "You are …".
        request: The request to the asker.
        seeds: Texts for the placeholder ``{seed}``, or records whose fields fill placeholders, also in personas.
    """

    personas: Annotated[tuple[Template, ...], Field(min_length=1)] = tuple(map(PromptTemplate, PERSONAS))
    request: PromptTemplate = PromptTemplate("Ask one question that this person would ask, in their words.")
    seeds: Seeds = ()

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        seed = self.seeds[0] if self.seeds else {}
        fields = {"seed": seed} if isinstance(seed, str) else seed
        if "persona" in fields:
            raise ValueError("'seeds': a field cannot be named 'persona'")
        for name in (name for persona in self.personas for name in persona.names):
            if name not in fields:
                known = f"The fields are {', '.join(fields)}" if fields else "Seeds with fields define placeholders"
                raise ValueError(f"'personas': unknown placeholder {{{name}}}. {known}")
        return self


class PersonaStrategy:
    """Asks from the perspective of each persona, about passages if there are documents."""

    def __init__(self, settings: PersonaSettings, _context: PluginContext) -> None:
        self._settings = settings

    def prepare(self, passages: PassageIndex, count: int, seed: int) -> SpreadCells:
        """Prepare cells that use each persona, each seed and each passage equally often."""
        seeds, personas = Items("seed", self._settings.seeds, seed), Items("persona", self._settings.personas, seed)
        return SpreadCells(passages, seed, seeds, personas, waits=self._settings.asked > 0)

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Return messages that ask for a question from the persona."""
        role = f"You are {cell.material['persona']}. You speak with an assistant."
        return Instruction(ask=ask_messages(role, cell, turns, self._settings.request, self._settings.asked))
