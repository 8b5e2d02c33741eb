"""Wrappers around strategies, modifiers and storages that turn their exceptions into `PluginFaultError`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from budwood.contracts import InstructionStrategy, PromptModifier, Storage
from budwood.plugins import Instance, faults
from budwood.types import Cell, CellDraft, Instruction, Message, Row, SourcePassage, Turn


class GuardedStrategy:
    """An `InstructionStrategy` that raises `PluginFaultError` if the plugin fails."""

    def __init__(self, instance: Instance[Any]) -> None:
        self._strategy: InstructionStrategy = instance.implementation
        self._source = instance.source

    def plan(self, passages: Sequence[SourcePassage], count: int, random: Random) -> list[CellDraft]:
        """Draft all cells. If the plugin returns a generator, it runs here."""
        with faults.call_boundary(self._source, "plan"):
            return list(self._strategy.plan(passages, count, random))

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Return the next instruction."""
        with faults.call_boundary(self._source, "instruct"):
            instruction: object = self._strategy.instruct(cell, turns, random)
        if not isinstance(instruction, Instruction):
            raise faults.wrong_result(self._source, "instruct", instruction, Instruction)
        return instruction


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

    def write(self, rows: Iterable[Row]) -> int:
        """Replace the output with these rows."""
        failure: OSError
        with faults.call_boundary(self._source, "write"):
            try:
                return self._storage.write(rows)
            except OSError as error:
                failure = error
        raise failure
