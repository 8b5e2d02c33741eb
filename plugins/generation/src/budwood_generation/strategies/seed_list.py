"""Conversations that start with a question from a list."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Final

from pydantic import Field

from budwood.contracts import PassageIndex, PluginContext
from budwood.providing import PromptTemplate
from budwood.types import Cell, Instruction, Turn
from budwood_generation.placeholders import Template
from budwood_generation.strategies.prompts import ask_messages
from budwood_generation.strategies.seeds import AskerSettings, Seeds
from budwood_generation.strategies.spread import Items, SpreadCells

_ROLE: Final = "You are the user in a conversation with an assistant, and go on with it."
_FIRST: Final = PromptTemplate("Ask one question about the subject.")
_NEXT: Final = PromptTemplate("Ask one question that follows from the conversation.")


class SeedListSettings(AskerSettings):
    """
    Settings of the strategy.

    Attributes:
        seeds: The first questions, or records whose fields fill placeholders.
        question: The first question, with placeholders for the fields, or with ``{seed}`` for a text. Without it, a
            text is the first question, and the asker writes a question about a record.
        request: The request to the asker. The default asks about the record, and then about the conversation.
    """

    seeds: Annotated[Seeds, Field(min_length=1)]
    question: Template | None = None
    request: PromptTemplate | None = None


class SeedList:
    """Starts with a seed; from the second turn on, or about a record, the asker writes the questions."""

    def __init__(self, settings: SeedListSettings, _context: PluginContext) -> None:
        self._settings = settings

    def prepare(self, passages: PassageIndex, count: int, seed: int) -> SpreadCells:
        """Prepare cells that use each seed equally often, with a passage if there are documents."""
        waits = self._settings.asked > 0 and self._settings.question is None and self._has_records
        return SpreadCells(passages, seed, Items("seed", self._settings.seeds, seed), waits=waits)

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Return the first question, or messages that ask for the next one."""
        if not turns and self._settings.question is not None:
            return Instruction(text=self._settings.question.fill(cell.material))
        if not turns and not self._has_records:
            return Instruction(text=str(cell.material["seed"]))
        request = self._settings.request or (_NEXT if turns else _FIRST)
        shows_record = self._has_records and not request.names
        return Instruction(
            ask=ask_messages(_ROLE, cell, turns, request, self._settings.asked, shows_material=shows_record)
        )

    @property
    def _has_records(self) -> bool:
        return not isinstance(self._settings.seeds[0], str)
