"""Messages of a conversation."""

from __future__ import annotations

from typing import Literal

from budwood.types.media import AnyMedia, MediaPart
from budwood.types.parts import (
    Part,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from budwood.types.record import Record

Role = Literal["system", "developer", "user", "assistant", "tool"]
"""The role of a message. ``developer`` is the newer name of ``system``; results of tools have the role ``tool``."""


class Message(Record):
    """
    One turn of a conversation.

    Attributes:
        role: Who wrote it.
        parts: Its content, in order.
        name: The name of the speaker, for vendors that support it.
        partial: True if it is the beginning of a reply that was interrupted. It is saved, and not sent.
    """

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    partial: Literal[True] | None = None

    @property
    def text(self) -> str:
        """All text of the message, without reasoning."""
        return "".join([part.text for part in self.parts if isinstance(part, TextPart)])

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tool calls that the model requested."""
        return tuple([part for part in self.parts if isinstance(part, ToolCallPart)])

    @property
    def tool_results(self) -> tuple[ToolResultPart, ...]:
        """The results of tools."""
        return tuple(part for part in self.parts if isinstance(part, ToolResultPart))

    @property
    def media(self) -> tuple[AnyMedia, ...]:
        """The images, audio, videos and documents of the message."""
        return tuple([part for part in self.parts if isinstance(part, MediaPart)])

    @classmethod
    def system(cls, text: str) -> Message:
        """Create a system message."""
        return cls(role="system", parts=(TextPart(text=text),))

    @classmethod
    def user(cls, text: str, *more: Part) -> Message:
        """Create a user message from text, followed by other parts."""
        return cls(role="user", parts=(TextPart(text=text), *more))

    @classmethod
    def assistant(cls, text: str) -> Message:
        """Create an assistant message."""
        return cls(role="assistant", parts=(TextPart(text=text),))

    @classmethod
    def tool(cls, *results: ToolResultPart) -> Message:
        """Create a message with the results of tools."""
        return cls(role="tool", parts=results)
