"""Add to what the system says."""

from __future__ import annotations

from budwood.types import Message, TextPart


def with_system(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """Add a text to the system message at the head; many models take only one."""
    if messages and messages[0].role in ("system", "developer"):
        first = messages[0].model_copy(update={"parts": (*messages[0].parts, TextPart(text=f"\n\n{text}"))})
        return (first, *messages[1:])
    return (Message.system(text), *messages)
