"""Check messages before they are sent."""

from __future__ import annotations

from collections.abc import Sequence

from budwood.errors import PromptError, UnsupportedError
from budwood.types import Capability, ImagePart, Message, TextPart, ToolResultPart


def check_messages(messages: Sequence[Message]) -> None:
    """
    See that there is something to answer.

    Raises:
        PromptError: There is no message, none but system messages, or the last user message says nothing.
    """
    for message in reversed(messages):
        if message.role in ("system", "developer"):
            continue
        if message.role != "user":
            return
        for part in message.parts:
            if not isinstance(part, TextPart) or part.text.strip():
                return
        raise PromptError("The prompt is empty.", hint="Write what the model is to answer.")
    raise PromptError("There is no message to answer.", hint="Give a prompt, or messages with one from the user.")


def reject_parts(message: Message, *kinds: type[object]) -> None:
    """
    Check that a message holds no part of a kind that the API does not take in its role.

    Raises:
        UnsupportedError: It holds one.
    """
    for part in message.parts:
        if isinstance(part, kinds):
            raise UnsupportedError(
                f"A {message.role} message cannot hold a part of the type {part.type!r} here.",
                hint="Put it into a user message.",
            )


def characters(messages: Sequence[Message]) -> int:
    """Count the characters of what messages say in text: also the arguments of tools, and their results."""
    total = 0
    for message in messages:
        for part in message.parts:
            if isinstance(part, TextPart):  # nearly all are
                total += len(part.text)
            else:
                total += sum(len(getattr(part, name, "")) for name in ("text", "arguments"))
    return total


def check_capabilities(messages: Sequence[Message], capabilities: frozenset[Capability], model: str) -> None:
    """
    See that the model can read what the messages hold.

    Raises:
        UnsupportedError: They hold images, and the model reads none.
    """
    if Capability.IMAGE_INPUT in capabilities:
        return
    parts = (part for message in messages for part in message.parts)
    if any(isinstance(part, ImagePart) or (isinstance(part, ToolResultPart) and part.images) for part in parts):
        raise UnsupportedError(f"{model} reads no images.", hint="Ask a model that does, or leave the images out.")
