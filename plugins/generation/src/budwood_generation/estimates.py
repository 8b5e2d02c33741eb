"""Say before a run how many calls it takes, and about how many tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from budwood.providing import estimate_tokens
from budwood.types import Cell, Turn
from budwood_generation.plugins import Chosen
from budwood_generation.prompts import Question, answering, asking, instruction, valuing
from budwood_generation.spec import ConversationSpec, GenerationSpec, RowSpec

QUESTION_TOKENS: Final = 20
ANSWER_TOKENS: Final = 120
VALUE_TOKENS: Final = 150
"""What a question, an answer and a structured value are taken to be long; a rough guess for today's models."""

_EXPECTED: Final = {"ask": QUESTION_TOKENS, "answer": ANSWER_TOKENS, "value": VALUE_TOKENS}
_STAND_IN: Final = Turn(question="word " * QUESTION_TOKENS, answer="word " * ANSWER_TOKENS)


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many calls, exactly unless some are repeated; how many tokens, roughly."""

    calls: int
    input_tokens: int
    output_tokens: int


def estimate(spec: GenerationSpec, chosen: Chosen, cells: Iterable[Cell]) -> Estimate:
    """Go through all that will be asked, with turns of the expected length in place of those to come."""
    calls = input_tokens = output_tokens = 0
    for cell in cells:
        for question in _questions(spec, chosen, cell):
            calls += 1
            input_tokens += estimate_tokens(question.messages)
            output_tokens += min(_EXPECTED[question.purpose], question.options.max_tokens or 1_000_000)
    return Estimate(calls, input_tokens, output_tokens)


def _questions(spec: GenerationSpec, chosen: Chosen, cell: Cell) -> Iterable[Question]:
    job = spec.job
    if isinstance(job, RowSpec):
        return [valuing(spec, job, chosen, cell)]
    return [question for number in range(cell.turns) for question in _turn(spec, job, chosen, cell, number)]


def _turn(spec: GenerationSpec, job: ConversationSpec, chosen: Chosen, cell: Cell, number: int) -> Iterable[Question]:
    turns = [_STAND_IN] * number
    next_words = instruction(spec, chosen, cell, turns)
    if next_words.text is None and next_words.ask:
        yield asking(job, next_words.ask)
    if next_words.text is not None or next_words.ask:
        yield answering(job, chosen, cell, turns, next_words.text or _STAND_IN.question)
