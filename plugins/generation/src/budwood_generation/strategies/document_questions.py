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
from budwood_generation.strategies.prompting import asking
from budwood_generation.strategies.spreading import evenly

_ROLE: Final = "You read a passage and ask about it, as someone who wants to understand and use what it says."
_SENTENCES_PER_TURN: Final = 2


class DocumentQuestionsSettings(BaseModel):
    """
    Settings of the strategy.

    Attributes:
        request: What the asking model is asked for.
        min_sentences: Passages with fewer are left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str = "Ask one question that the passage answers."
    min_sentences: Annotated[int, Field(ge=0)] = 1


class DocumentQuestions:
    """Asks about one passage a conversation; the passages take turns. One turn is drawn from two sentences at most."""

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
        enough = [passage for passage in passages if lengths[passage.id] >= self._settings.min_sentences]
        if not enough:
            raise ConfigurationError(
                f"The strategy {self._name!r} finds no passage of {self._settings.min_sentences} sentences.",
                hint="Lower min_sentences, or raise passage_chars of [documents].",
            )
        for passage in islice(evenly(enough, random), count):
            yield CellDraft(passage=passage, max_turns=max(1, lengths[passage.id] // _SENTENCES_PER_TURN))

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Have the model ask about the passage."""
        return Instruction(ask=asking(_ROLE, cell, turns, self._settings.request))
