"""How many rows of a plan share a passage, or a prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from budwood.types import Cell, Message
from budwood_generation.cells import PlannedCells
from budwood_generation.estimates import pick_sample
from budwood_generation.plugins import RunPlugins
from budwood_generation.prompts import answer_request, next_instruction, value_request
from budwood_generation.spec import GenerationSpec, RowSpec

MAX_COMPARED: Final = 2000
"""Rows that are compared with one another; of larger datasets, a random sample."""
MIN_ROWS_TO_COUNT: Final = 1000
"""Rows whose subjects are counted, or four for each slot if these are more."""
_MIN_PAIRS: Final = 8
"""Equal pairs in a sample that are needed to prefer its estimate to the number of passages."""


@dataclass(frozen=True, slots=True)
class Shares:
    """
    How many rows share a passage, or a prompt.

    Attributes:
        rows_per_passage: The greatest number of rows about one passage, 0 without passages.
        rows_per_prompt: The greatest number of rows whose first request is the same but for its seed. Requests of
            askers do not count if they contain what was asked before.
        is_exact: Whether all rows were compared; otherwise the numbers are estimates.
        are_askers_told: Whether askers see the earlier questions about their passage.
    """

    rows_per_passage: int
    rows_per_prompt: int
    is_exact: bool
    are_askers_told: bool


def count_shares(spec: GenerationSpec, plugins: RunPlugins, cells: PlannedCells, passages: int) -> Shares:
    """
    Count the rows that share a passage or a prompt.

    Args:
        spec: The specification.
        plugins: The plugins of the run.
        cells: The cells, one for each row.
        passages: The number of passages.
    """
    sample = pick_sample(cells, spec.seed, MAX_COMPARED)
    used = [cell.passage.id if cell.passage else None for cell in sample]
    prompts = [_prompt(spec, plugins, cell) for cell in sample]
    rows, is_exact = len(cells), len(sample) == len(cells)
    per_passage = 0
    if None not in used:
        bound = -(-rows // passages)
        per_passage = _greatest(used) if is_exact else _estimate(used, rows, at_least=bound)
    is_same_division = len(set(zip(used, prompts, strict=True))) == len(set(used)) == len(set(prompts))
    bound = per_passage if per_passage and is_same_division else 1
    per_prompt = _greatest(prompts) if is_exact else _estimate(prompts, rows, at_least=bound)
    return Shares(per_passage, per_prompt, is_exact, any(cell.after is not None for cell in sample))


def _prompt(spec: GenerationSpec, plugins: RunPlugins, cell: Cell) -> Hashable:
    """Return what is equal for rows with the same first request, and different for all others."""
    if isinstance(spec.job, RowSpec):
        return _texts(value_request(spec, spec.job, plugins, cell).messages)
    instruction = next_instruction(spec, plugins, cell, ())
    if instruction.text:
        return _texts(answer_request(spec.job, plugins, cell, (), instruction.text).messages)
    return cell.index if cell.after is not None else _texts(instruction.ask)


def _texts(messages: Sequence[Message]) -> int:
    return hash(tuple((message.role, message.text) for message in messages))


def _greatest(items: Sequence[Hashable]) -> int:
    return max(Counter(items).values())


def _estimate(items: Sequence[Hashable], rows: int, *, at_least: int) -> int:
    """Estimate how many rows share an item from the pairs of equal items in a sample."""
    pairs = sum(count * (count - 1) // 2 for count in Counter(items).values())
    estimate = round(1 + (rows - 1) * pairs / (len(items) * (len(items) - 1) / 2))
    return max(at_least, estimate) if pairs >= _MIN_PAIRS and estimate > 1.5 * at_least else at_least


def list_warnings(plugins: RunPlugins, shares: Shares) -> Iterator[str]:
    """Yield what is possible in a plan, but probably not intended, with what to do."""
    about = "up to" if shares.is_exact else "about"
    if shares.rows_per_prompt > 1:
        repeated = shares.rows_per_prompt > shares.rows_per_passage > 0
        yield (
            f"{about} {shares.rows_per_prompt:,} rows have the same prompt; only the seeds of their requests differ. "
            + ("Passages have the same text: exclude copies" if repeated else "Add documents or seeds, or lower rows")
            + "."
        )
    elif shares.rows_per_passage > 1:
        told = ". Askers see its earlier questions" if shares.are_askers_told else ""
        yield f"{about} {shares.rows_per_passage:,} rows share a passage{told}."
    if plugins.unused_fields:
        yield f"no text uses the seeds. Write placeholders such as {{{plugins.unused_fields[0]}}} where they belong."


def find_parallel_limit(spec: GenerationSpec, cells: PlannedCells) -> int | None:
    """
    Return how many calls can run at a time, if rows that wait for others make them fewer than `concurrency`.

    A row waits for the previous one about its passage or material, so this is the number of passages of the last rows,
    which are those that are missing if rows were added.
    """
    rows, slots = len(cells), spec.concurrency
    if spec.conversation is None:
        return None
    start = max(0, rows - max(MIN_ROWS_TO_COUNT, 4 * slots))
    subjects = 0
    for index in range(start, rows):
        previous = cells.find_previous(index)
        subjects += previous is None or previous < start
        if subjects >= min(slots, rows):
            return None
    return subjects


def describe_parallel_limit(spec: GenerationSpec, cells: PlannedCells) -> tuple[str, ...]:
    """Return a note with the cure if fewer calls can run at a time than `concurrency` permits."""
    limit = find_parallel_limit(spec, cells)
    if limit is None:
        return ()
    calls = "one call runs" if limit == 1 else f"{limit:,} calls run"
    note = (
        f"at most {calls} at a time, fewer than concurrency ({spec.concurrency:,}), because askers see the "
        "earlier questions about their passage or material. Add documents or seeds, or set asked = 0 in the strategy."
    )
    return (note,)
