"""Prompt modifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from budwood.types import Cell, Message


class PromptModifier(Protocol):
    """Changes the messages that the answering model sees."""

    def modify(self, messages: tuple[Message, ...], cell: Cell) -> tuple[Message, ...]:
        """Return the messages to send."""
        ...
