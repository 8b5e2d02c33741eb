"""Estimates before a run: the number of calls, tokens and US dollars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import fmean, stdev
from typing import Final, NamedTuple

from budwood.providing import ShuffledCycle, estimate_tokens
from budwood.types import Cell, Instruction, ModelDetails, Turn, Usage
from budwood_generation.cells import PlannedCells
from budwood_generation.plugins import RunPlugins
from budwood_generation.prompts import ModelRequest, answer_request, ask_request, next_instruction, value_request
from budwood_generation.replicates import count_asked
from budwood_generation.spec import GenerationSpec, RowSpec

QUESTION_TOKENS: Final = 20
ANSWER_TOKENS: Final = 120
VALUE_TOKENS: Final = 150
"""Assumed length of a question, an answer and a structured value."""
LENGTH_FACTOR: Final = 2
"""Replies may be this many times longer or shorter than assumed."""
MAX_COUNTED: Final = 1000
"""Rows whose calls are counted; of larger datasets, a random sample."""
MAX_SAMPLE: Final = 256
"""Rows whose requests are built, which takes longer."""

_EXPECTED_TOKENS: Final = {"ask": QUESTION_TOKENS, "answer": ANSWER_TOKENS, "value": VALUE_TOKENS}
_QUESTION: Final = "word " * QUESTION_TOKENS
_PLACEHOLDER: Final = Turn(question=_QUESTION, answer="word " * ANSWER_TOKENS)
_Z: Final = 1.96
"""Standard errors of a mean in half of its interval of 95 %."""


class Range(NamedTuple):
    """An estimate: the expected number, and the lowest and highest that are likely (about 95 %)."""

    low: float
    expected: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    An estimate of a run.

    Attributes:
        turns: Number of turns, exact for at most `MAX_COUNTED` rows.
        calls: Number of calls without retries, exact for at most `MAX_COUNTED` rows.
        input_tokens: Tokens that are sent.
        output_tokens: Tokens that are received.
        dollars: US dollars, or None if a price is unknown.
        cost_unknown: Why the cost is unknown.
        sample: Number of rows whose requests were built.
    """

    turns: Range
    calls: Range
    input_tokens: Range
    output_tokens: Range
    dollars: Range | None = None
    cost_unknown: str | None = None
    sample: int

    @property
    def cost(self) -> Decimal | None:
        """Expected US dollars, or None if a price is unknown."""
        return None if self.dollars is None else Decimal(f"{self.dollars.expected:.6f}".rstrip("0").rstrip("."))


class _Amounts(NamedTuple):
    """The amounts of one row or call, for the shortest, the expected and the longest replies."""

    input_tokens: Range
    output_tokens: Range
    dollars: Range


def estimate_run(
    spec: GenerationSpec, plugins: RunPlugins, cells: PlannedCells, models: Mapping[str, ModelDetails]
) -> Estimate:
    """
    Estimate a run from the requests of a sample of its rows, with placeholders for future replies.

    The ranges cover the error of the sample, and replies that are shorter or longer than expected.

    Args:
        spec: The specification.
        plugins: The plugins of the run.
        cells: The cells, one for each row.
        models: Details of each model, with its price.
    """
    counted = pick_sample(cells, spec.seed, MAX_COUNTED)
    rows = [_estimate_row(spec, plugins, cells, cell, models) for cell in pick_sample(cells, spec.seed, MAX_SAMPLE)]
    unknown = next((reason for model in models.values() if (reason := _unknown_price(model))), None)
    size = len(cells)
    return Estimate(
        turns=_sum([(cell.turns,) * 3 for cell in counted], size),
        calls=_sum([(_count_calls(spec, plugins, cell),) * 3 for cell in counted], size),
        input_tokens=_sum([row.input_tokens for row in rows], size),
        output_tokens=_sum([row.output_tokens for row in rows], size),
        dollars=None if unknown else _sum([row.dollars for row in rows], size),
        cost_unknown=unknown,
        sample=len(rows),
    )


def build_requests(spec: GenerationSpec, plugins: RunPlugins, cell: Cell) -> list[ModelRequest]:
    """Return all requests of a row, with placeholders for replies. Errors of the specification are raised here."""
    return [request for request, _ in _requests(spec, plugins, cell)]


def pick_sample(cells: Sequence[Cell] | PlannedCells, seed: int, size: int) -> list[Cell]:
    """Return all cells, or a random sample of them, the same for the same seed."""
    if len(cells) <= size:
        return list(cells)
    order = ShuffledCycle(len(cells), seed, "sample")
    return [cells[order[number]] for number in range(size)]


def _sum(amounts: Sequence[tuple[float, float, float]], size: int) -> Range:
    """Return the sum over all rows, from the amounts of a sample without replacement."""
    lows, expected, highs = zip(*amounts, strict=True)
    return Range(
        max(0.0, size * fmean(lows) - _margin(lows, size)),
        size * fmean(expected),
        size * fmean(highs) + _margin(highs, size),
    )


def _margin(amounts: Sequence[float], size: int) -> float:
    sample = len(amounts)
    if sample >= size or sample < 2:
        return 0.0
    return _Z * size * stdev(amounts) * math.sqrt((1 - sample / size) / sample)


def _estimate_row(
    spec: GenerationSpec, plugins: RunPlugins, cells: PlannedCells, cell: Cell, models: Mapping[str, ModelDetails]
) -> _Amounts:
    cell = replace(cell, asked=(_QUESTION,) * count_asked(cells, cell))
    calls = [_estimate_call(request, turns, models[request.model]) for request, turns in _requests(spec, plugins, cell)]
    return _Amounts(
        _add(call.input_tokens for call in calls),
        _add(call.output_tokens for call in calls),
        _add(call.dollars for call in calls),
    )


def _estimate_call(request: ModelRequest, turns: int, model: ModelDetails) -> _Amounts:
    """Estimate a call after some turns, whose length is unknown."""
    sent, history = estimate_tokens(request.messages), turns * (QUESTION_TOKENS + ANSWER_TOKENS)
    expected, most = _EXPECTED_TOKENS[request.purpose], request.options.max_tokens or math.inf
    received = Range(*(min(most, tokens) for tokens in (expected / LENGTH_FACTOR, expected, expected * LENGTH_FACTOR)))
    sizes = Range(max(1.0, sent - history + history / LENGTH_FACTOR), sent, sent + history * (LENGTH_FACTOR - 1))
    dollars = Range(*(_cost(model, size, reply) for size, reply in zip(sizes, received, strict=True)))
    return _Amounts(sizes, received, dollars)


def _add(ranges: Iterable[Range]) -> Range:
    columns = list(zip(*ranges, strict=True)) or [(), (), ()]
    return Range(*map(math.fsum, columns))


def _cost(model: ModelDetails, input_tokens: float, output_tokens: float) -> float:
    """Return the US dollars of a call; 0 if the price is unknown, which `_unknown_price` reports."""
    if model.price is None:
        return 0.0
    usage = Usage(input_tokens=round(input_tokens), output_tokens=round(output_tokens))
    return float(model.price.cost(usage).dollars or 0)


def _unknown_price(model: ModelDetails) -> str | None:
    """Return why the cost of a call is unknown, or None if it is known."""
    address = f"{model.provider}/{model.model}"
    if model.price is None:
        return f"{model.price_unknown} ({address})"
    unknown = model.price.cost(Usage(input_tokens=1, output_tokens=1)).unknown
    return f"{unknown} ({address})" if unknown else None


def _requests(spec: GenerationSpec, plugins: RunPlugins, cell: Cell) -> Iterator[tuple[ModelRequest, int]]:
    """Yield all requests of a row, each with the number of turns before it."""
    job = spec.job
    if isinstance(job, RowSpec):
        yield value_request(spec, job, plugins, cell), 0
        return
    for instruction, turns in _instructions(spec, plugins, cell):
        if not instruction.text:
            yield ask_request(job, instruction.ask), len(turns)
        yield answer_request(job, plugins, cell, turns, instruction.text or _QUESTION), len(turns)


def _count_calls(spec: GenerationSpec, plugins: RunPlugins, cell: Cell) -> int:
    if spec.row is not None:
        return 1
    return sum(1 if instruction.text else 2 for instruction, _ in _instructions(spec, plugins, cell))


def _instructions(
    spec: GenerationSpec, plugins: RunPlugins, cell: Cell
) -> Iterator[tuple[Instruction, Sequence[Turn]]]:
    """Yield the instructions of a conversation, until it ends, each with the turns before it."""
    for number in range(cell.turns):
        turns = [_PLACEHOLDER] * number
        instruction = next_instruction(spec, plugins, cell, turns)
        if not instruction.text and not instruction.ask:
            return
        yield instruction, turns
