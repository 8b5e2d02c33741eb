"""Estimates before a run: the number of calls, tokens and US dollars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from budwood.providing import estimate_tokens
from budwood.types import Cell, ModelDetails, Turn, Usage
from budwood_generation.plugins import RunPlugins
from budwood_generation.prompts import ModelRequest, answer_request, ask_request, next_instruction, value_request
from budwood_generation.spec import ConversationSpec, GenerationSpec, RowSpec

QUESTION_TOKENS: Final = 20
ANSWER_TOKENS: Final = 120
VALUE_TOKENS: Final = 150
"""Assumed length of a question, an answer and a structured value."""

_EXPECTED_TOKENS: Final = {"ask": QUESTION_TOKENS, "answer": ANSWER_TOKENS, "value": VALUE_TOKENS}
_PLACEHOLDER: Final = Turn(question="word " * QUESTION_TOKENS, answer="word " * ANSWER_TOKENS)


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    An estimate of a run.

    Attributes:
        calls: Number of calls, exact unless some are retried.
        input_tokens: Estimated tokens that are sent.
        output_tokens: Estimated tokens that are received.
        cost: Estimated US dollars, or None if a price is unknown.
        cost_unknown: Why the cost is unknown.
    """

    calls: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None = None
    cost_unknown: str | None = None


def estimate_run(
    spec: GenerationSpec, plugins: RunPlugins, cells: Iterable[Cell], models: Mapping[str, ModelDetails]
) -> Estimate:
    """
    Estimate a run from all its requests, with placeholders of the expected length for future replies.

    Args:
        spec: The specification.
        plugins: The plugins of the run.
        cells: The cells, one for each row.
        models: Details of each model, with its price.
    """
    calls = input_tokens = output_tokens = 0
    cost, unknown = Decimal(0), None
    for cell in cells:
        for request in _requests(spec, plugins, cell):
            sent = estimate_tokens(request.messages)
            received = min(_EXPECTED_TOKENS[request.purpose], request.options.max_tokens or 1_000_000)
            calls, input_tokens, output_tokens = calls + 1, input_tokens + sent, output_tokens + received
            dollars, reason = _cost(models[request.model], sent, received)
            cost, unknown = cost + dollars, unknown or reason
    return Estimate(calls, input_tokens, output_tokens, None if unknown else cost, unknown)


def _cost(model: ModelDetails, input_tokens: int, output_tokens: int) -> tuple[Decimal, str | None]:
    """Return the cost of a call, and if it is unknown the reason."""
    address = f"{model.provider}/{model.model}"
    if model.price is None:
        return Decimal(0), f"{address}: {model.price_unknown}"
    cost = model.price.cost(Usage(input_tokens=input_tokens, output_tokens=output_tokens))
    return cost.dollars or Decimal(0), f"{address}: {cost.unknown}" if cost.unknown else None


def _requests(spec: GenerationSpec, plugins: RunPlugins, cell: Cell) -> Iterable[ModelRequest]:
    job = spec.job
    if isinstance(job, RowSpec):
        return [value_request(spec, job, plugins, cell)]
    return [request for number in range(cell.turns) for request in _turn_requests(spec, job, plugins, cell, number)]


def _turn_requests(
    spec: GenerationSpec, job: ConversationSpec, plugins: RunPlugins, cell: Cell, number: int
) -> Iterable[ModelRequest]:
    turns = [_PLACEHOLDER] * number
    instruction = next_instruction(spec, plugins, cell, turns)
    if instruction.text is None and instruction.ask:
        yield ask_request(job, instruction.ask)
    if instruction.text is not None or instruction.ask:
        yield answer_request(job, plugins, cell, turns, instruction.text or _PLACEHOLDER.question)
