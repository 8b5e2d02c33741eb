"""Questions about the passages of documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from random import Random
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from budwood.contracts import PluginContext
from budwood.errors import ConfigurationError
from budwood.types import Cell, CellDraft, Instruction, SourcePassage, Turn
from budwood_generation.documents.sentences import sentence_ends
from budwood_generation.strategies.cycles import shuffled_cycle
from budwood_generation.strategies.prompts import ask_messages

_ROLE: Final = "You read a passage and ask about it, as someone who wants to understand and use what it says."
_SENTENCES_PER_TURN: Final = 2


class DocumentQuestionsSettings(BaseModel):
    """
    Settings of the strategy.

    Attributes:
        request: The request to the asker.
        min_sentences: Passages with fewer sentences are skipped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str = "Ask one question that the passage answers."
    min_sentences: Annotated[int, Field(ge=0)] = 1


class DocumentQuestions:
    """Asks about one passage per conversation, each passage equally often, and one turn for every two sentences."""

    def __init__(self, settings: DocumentQuestionsSettings, context: PluginContext) -> None:
        self._settings = settings
        self._name = context.instance

    def plan(self, passages: Sequence[SourcePassage], count: int, random: Random) -> Iterable[CellDraft]:
        """
        Draft cells that use each passage equally often.

        Raises:
            ConfigurationError: There is no passage, or none with enough sentences.
        """
        if not passages:
            raise ConfigurationError(
                f"The strategy {self._name!r} needs documents with passages, and found none.",
                hint='Set the documents in the specification: [documents] paths = ["docs/**/*.md"].',
            )
        lengths = {passage.id: len(sentence_ends(passage.text)) for passage in passages}
        enough = [passage for passage in passages if lengths[passage.id] >= self._settings.min_sentences]
        if not enough:
            raise ConfigurationError(
                f"The strategy {self._name!r} found no passage with {self._settings.min_sentences} sentences.",
                hint="Lower min_sentences, or raise documents.passage_chars.",
            )
        for passage in islice(shuffled_cycle(enough, random), count):
            yield CellDraft(passage=passage, max_turns=max(1, lengths[passage.id] // _SENTENCES_PER_TURN))

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Return messages that ask for a question about the passage."""
        return Instruction(ask=ask_messages(_ROLE, cell, turns, self._settings.request))
