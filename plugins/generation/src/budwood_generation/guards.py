"""The fault boundary around strategies, modifiers and storages: what they raise stops the run and names the plugin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from budwood.contracts import InstructionStrategy, PromptModifier, Storage
from budwood.plugins import Instance, faults
from budwood.types import Cell, CellDraft, Instruction, Message, Row, SourcePassage, Turn


class GuardedStrategy:
    """An `InstructionStrategy` whose faults are `PluginFaultError`."""

    def __init__(self, instance: Instance[Any]) -> None:
        self._strategy: InstructionStrategy = instance.implementation
        self._source = instance.source

    def plan(self, passages: Sequence[SourcePassage], count: int, random: Random) -> list[CellDraft]:
        """Draft all cells: a generator runs inside the boundary."""
        with faults.call_boundary(self._source, "plan"):
            return list(self._strategy.plan(passages, count, random))

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Say what the user asks next."""
        with faults.call_boundary(self._source, "instruct"):
            instruction: object = self._strategy.instruct(cell, turns, random)
        if not isinstance(instruction, Instruction):
            raise faults.wrong_result(self._source, "instruct", instruction, Instruction)
        return instruction


class GuardedModifier:
    """A `PromptModifier` whose faults are `PluginFaultError`."""

    def __init__(self, instance: Instance[Any]) -> None:
        self._modifier: PromptModifier = instance.implementation
        self._source = instance.source

    def modify(self, messages: tuple[Message, ...], cell: Cell) -> tuple[Message, ...]:
        """Return the messages to send."""
        with faults.call_boundary(self._source, "modify"):
            return tuple(self._modifier.modify(messages, cell))


class GuardedStorage:
    """A `Storage` whose faults are `PluginFaultError`. A full disk, or another `OSError`, is none of them."""

    def __init__(self, instance: Instance[Any]) -> None:
        self._storage: Storage = instance.implementation
        self._source = instance.source

    def write(self, rows: Iterable[Row]) -> int:
        """Replace the output by these rows."""
        failure: OSError
        with faults.call_boundary(self._source, "write"):
            try:
                return self._storage.write(rows)
            except OSError as error:
                failure = error
        raise failure
