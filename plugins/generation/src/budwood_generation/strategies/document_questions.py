"""Questions about the passages of documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from random import Random
from typing import Final

from pydantic import BaseModel, ConfigDict

from budwood.contracts import PluginContext
from budwood.errors import ConfigurationError
from budwood.types import Cell, CellDraft, Instruction, SourcePassage, Turn
from budwood_generation.documents.sentences import sentence_ends
from budwood_generation.strategies.prompting import asking
from budwood_generation.strategies.spreading import evenly

_ROLE: Final = "You read a passage and ask about it, as someone who wants to understand and use what it says."
_SENTENCES_PER_TURN: Final = 2
_ENOUGH_SENTENCES: Final = 3


class DocumentQuestionsSettings(BaseModel):
    """
    Settings of the strategy.

    Attributes:
        request: What the asking model is asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str = "Ask one question that the passage answers."


class DocumentQuestions:
    """Asks about one passage a conversation; the passages take turns, and those of a sentence or two come last."""

    def __init__(self, settings: DocumentQuestionsSettings, context: PluginContext) -> None:
        self._settings = settings
        self._name = context.instance

    def plan(self, passages: Sequence[SourcePassage], count: int, random: Random) -> Iterable[CellDraft]:
        """
        Draft cells, as many conversations of each passage as of any other.

        Raises:
            ConfigurationError: There are no passages.
        """
        if not passages:
            raise ConfigurationError(
                f"The strategy {self._name!r} needs documents, and there are none with a passage to ask about.",
                hint='Name some in the specification: [documents] paths = ["docs/**/*.md"].',
            )
        lengths = {passage.id: len(sentence_ends(passage.text)) for passage in passages}
        long = [passage for passage in passages if lengths[passage.id] >= _ENOUGH_SENTENCES]
        for passage in islice(evenly(long or passages, random), count):
            yield CellDraft(passage=passage, max_turns=max(1, lengths[passage.id] // _SENTENCES_PER_TURN))

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Have the model ask about the passage."""
        return Instruction(ask=asking(_ROLE, cell, turns, self._settings.request))
