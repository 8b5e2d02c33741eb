"""Say before a run how many calls it takes, about how many tokens, and about what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from budwood.providing import estimate_tokens
from budwood.types import Cell, ModelDetails, Turn, Usage
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
    """
    How many calls, exactly unless some are repeated; how many tokens, roughly.

    ``cost`` is US dollars for these tokens, or None; then ``cost_unknown`` says why.
    """

    calls: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None = None
    cost_unknown: str | None = None


def estimate(
    spec: GenerationSpec, chosen: Chosen, cells: Iterable[Cell], models: Mapping[str, ModelDetails]
) -> Estimate:
    """
    Go through all that will be asked, with turns of the expected length in place of those to come.

    Args:
        spec: What is wanted.
        chosen: The plugins that make it.
        cells: One a row.
        models: What is known of each model that is asked, with its price.
    """
    calls = input_tokens = output_tokens = 0
    cost, unknown = Decimal(0), None
    for cell in cells:
        for question in _questions(spec, chosen, cell):
            sent = estimate_tokens(question.messages)
            received = min(_EXPECTED[question.purpose], question.options.max_tokens or 1_000_000)
            calls, input_tokens, output_tokens = calls + 1, input_tokens + sent, output_tokens + received
            dollars, reason = _cost(models[question.model], sent, received)
            cost, unknown = cost + dollars, unknown or reason
    return Estimate(calls, input_tokens, output_tokens, None if unknown else cost, unknown)


def _cost(model: ModelDetails, input_tokens: int, output_tokens: int) -> tuple[Decimal, str | None]:
    """Say what a call costs, or why that is not known."""
    address = f"{model.provider}/{model.model}"
    if model.price is None:
        return Decimal(0), f"{address}: {model.price_unknown}"
    cost = model.price.cost(Usage(input_tokens=input_tokens, output_tokens=output_tokens))
    return cost.dollars or Decimal(0), f"{address}: {cost.unknown}" if cost.unknown else None


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
