"""Questions about the passages of documents."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from random import Random
from typing import Annotated, Final

from pydantic import Field

from budwood.contracts import PassageIndex, PluginContext
from budwood.errors import ConfigurationError
from budwood.providing import PromptTemplate, ShuffledCycle
from budwood.types import Cell, CellDraft, Instruction, Turn
from budwood_generation.strategies.prompts import ask_messages
from budwood_generation.strategies.seeds import AskerSettings, Seeds
from budwood_generation.strategies.spread import Items, draw_material

_ROLE: Final = "You read a passage and ask about it, as someone who wants to understand and use what it says."
_SENTENCES_PER_TURN: Final = 2


class DocumentQuestionsSettings(AskerSettings):
    """
    Settings of the strategy.

    Attributes:
        request: The request to the asker.
        min_sentences: Passages with fewer sentences are skipped.
        seeds: Texts for the placeholder ``{seed}``, or records whose fields fill placeholders.
    """

    request: PromptTemplate = PromptTemplate("Ask one question that the passage answers.")
    min_sentences: Annotated[int, Field(ge=0)] = 1
    seeds: Seeds = ()


class DocumentQuestions:
    """Asks about one passage per conversation, each passage equally often, and one turn for every two sentences."""

    def __init__(self, settings: DocumentQuestionsSettings, context: PluginContext) -> None:
        self._settings = settings
        self._name = context.instance

    def prepare(self, passages: PassageIndex, count: int, seed: int) -> _PassageCells:
        """
        Prepare cells that use each passage equally often.

        Raises:
            ConfigurationError: There is no passage, or none with enough sentences.
        """
        if not len(passages):
            raise ConfigurationError(
                f"The strategy {self._name!r} needs documents with passages, and found none.",
                hint="The documents are empty or too short, or the specification has none: give it longer ones, such "
                'as [documents] paths = ["docs/**/*.md"].',
            )
        minimum = self._settings.min_sentences
        enough = array("Q", (number for number in range(len(passages)) if passages.sentences(number) >= minimum))
        if not enough:
            raise ConfigurationError(
                f"The strategy {self._name!r} found no passage with {minimum} sentences.",
                hint="Lower min_sentences, or raise documents.passage_chars.",
            )
        items = Items("seed", self._settings.seeds, seed)
        return _PassageCells(passages, enough, seed, items, waits=self._settings.asked > 0)

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Return messages that ask for a question about the passage."""
        return Instruction(ask=ask_messages(_ROLE, cell, turns, self._settings.request, self._settings.asked))


class _PassageCells:
    def __init__(self, passages: PassageIndex, numbers: Sequence[int], seed: int, items: Items, *, waits: bool) -> None:
        self._passages = passages
        self._numbers = numbers
        self._items = items
        self._waits = waits
        self._order = ShuffledCycle(len(numbers), seed)

    def cell(self, number: int, random: Random) -> CellDraft:
        passage = self._numbers[self._order[number]]
        turns = max(1, self._passages.sentences(passage) // _SENTENCES_PER_TURN)
        return CellDraft(
            passage=self._passages[passage],
            material=draw_material([self._items], number),
            max_turns=turns,
            after=self.find_previous(number),
        )

    def find_previous(self, number: int) -> int | None:
        return self._order.find_previous(number) if self._waits else None
