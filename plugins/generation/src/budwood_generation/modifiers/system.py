"""Extending the system message."""

from __future__ import annotations

from budwood.types import Message, TextPart


def with_system(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """Add a text to the system message, or add a system message. Many models accept only one."""
    if messages and messages[0].role in ("system", "developer"):
        first = messages[0].model_copy(update={"parts": (*messages[0].parts, TextPart(text=f"\n\n{text}"))})
        return (first, *messages[1:])
    return (Message.system(text), *messages)
