"""Wrappers around strategies, modifiers and storages that turn their exceptions into `PluginFaultError`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from random import Random
from typing import Any

from budwood.contracts import Cells, InstructionStrategy, PassageIndex, PromptModifier, Storage
from budwood.plugins import Instance, faults
from budwood.types import Cell, CellDraft, Dataset, Instruction, Message, Row, SourcePassage, Turn


class GuardedStrategy:
    """An `InstructionStrategy` that raises `PluginFaultError` if the plugin fails."""

    def __init__(self, instance: Instance[Any]) -> None:
        self._strategy: InstructionStrategy = instance.implementation
        self._source = instance.source

    def prepare(self, passages: PassageIndex, count: int, seed: int) -> GuardedCells:
        """Prepare to draft cells."""
        with faults.call_boundary(self._source, "prepare"):
            return GuardedCells(self._strategy.prepare(passages, count, seed), self._source)

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Return the next instruction."""
        with faults.call_boundary(self._source, "instruct"):
            instruction: object = self._strategy.instruct(cell, turns, random)
        if not isinstance(instruction, Instruction):
            raise faults.wrong_result(self._source, "instruct", instruction, Instruction)
        return instruction


class GuardedCells:
    """
    Drafts of cells that raise `PluginFaultError` if the plugin fails.

    Attributes:
        limit: The number of cells for which there is material; None for no limit.
    """

    def __init__(self, cells: Cells, source: faults.PluginSource) -> None:
        self._cells = cells
        self._source = source
        with faults.call_boundary(source, "prepare"):
            self.limit = len(cells) if isinstance(cells, Sized) else None

    def cell(self, number: int, random: Random) -> CellDraft:
        """Draft one cell."""
        with faults.call_boundary(self._source, "cell"):
            draft: object = self._cells.cell(number, random)
        if not isinstance(draft, CellDraft):
            raise faults.wrong_result(self._source, "cell", draft, CellDraft)
        problem = _find_problem(draft, number)
        if problem:
            raise faults.call_boundary(self._source, "cell").fault(problem)
        return draft

    def find_previous(self, number: int, random: Random) -> int | None:
        """Return `CellDraft.after` of a cell. Cells that have this method, without `random`, need not draft it."""
        find: object = getattr(self._cells, "find_previous", None)
        if not callable(find):
            return self.cell(number, random).after
        with faults.call_boundary(self._source, "find_previous"):
            previous: int | None = find(number)
        if not _is_earlier(previous, number):
            problem = f"it returned {previous!r} for cell {number}"
            raise faults.call_boundary(self._source, "find_previous").fault(problem)
        return previous


def _find_problem(draft: CellDraft, number: int) -> str:
    """Return what is wrong with a draft, as the end of a sentence; empty if nothing is."""
    if not isinstance(draft.passage, SourcePassage | None):
        return f"the passage of cell {number} is a {type(draft.passage).__name__}"
    if not isinstance(draft.material, dict):
        return f"the material of cell {number} is a {type(draft.material).__name__}"
    if not isinstance(draft.max_turns, int | None):
        return f"max_turns of cell {number} is {draft.max_turns!r}"
    return "" if _is_earlier(draft.after, number) else f"cell {number} comes after cell {draft.after!r}"


def _is_earlier(previous: object, number: int) -> bool:
    """Tell whether a cell can wait for another one. A cell that waits for itself or a later one would never start."""
    return previous is None or (isinstance(previous, int) and 0 <= previous < number)


class GuardedModifier:
    """A `PromptModifier` that raises `PluginFaultError` if the plugin fails."""

    def __init__(self, instance: Instance[Any]) -> None:
        self._modifier: PromptModifier = instance.implementation
        self._source = instance.source

    def modify(self, messages: tuple[Message, ...], cell: Cell) -> tuple[Message, ...]:
        """Return the messages to send."""
        with faults.call_boundary(self._source, "modify"):
            return tuple(self._modifier.modify(messages, cell))


class GuardedStorage:
    """A `Storage` that raises `PluginFaultError` if the plugin fails. An `OSError`, such as a full disk, passes."""

    def __init__(self, instance: Instance[Any]) -> None:
        self._storage: Storage = instance.implementation
        self._source = instance.source

    def begin(self, dataset: Dataset) -> None:
        """Start to store a dataset."""
        with self._boundary("begin"):
            self._storage.begin(dataset)

    def put(self, rows: Sequence[Row]) -> None:
        """Store a batch."""
        with self._boundary("put"):
            self._storage.put(rows)

    def finish(self, rows: Iterable[Row]) -> int:
        """Bring the output into its final form."""
        with self._boundary("finish"):
            return self._storage.finish(rows)

    def load(self, after: int, limit: int) -> Sequence[Row]:
        """Read rows of a finished output."""
        with self._boundary("load"):
            return self._storage.load(after, limit)

    def close(self) -> None:
        """Release connections and files."""
        with self._boundary("close"):
            self._storage.close()

    @contextmanager
    def _boundary(self, method: str) -> Iterator[None]:
        failure: OSError | None = None
        with faults.call_boundary(self._source, method):
            try:
                yield
            except OSError as error:
                failure = error
        if failure is not None:
            raise failure
