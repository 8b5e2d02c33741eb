"""Check messages before they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from budwood.errors import PromptError, UnsupportedError
from budwood.types import Adaptation, Capability, ImagePart, Message, TextPart, ToolResultPart


def check_messages(messages: Sequence[Message]) -> None:
    """
    Check that there is a message to answer.

    Raises:
        PromptError: There are no messages, only system messages, or the last user message is blank.
    """
    for message in reversed(messages):
        if message.role in ("system", "developer"):
            continue
        if message.role != "user":
            return
        for part in message.parts:
            if not isinstance(part, TextPart) or part.text.strip():
                return
        raise PromptError("The prompt is empty.", hint="Pass a text that is not blank.")
    raise PromptError("There is no message to answer.", hint="Pass a prompt, or at least one user message.")


def reject_parts(message: Message, *kinds: type[object]) -> None:
    """
    Check that a message has no part of a kind that the API rejects in a message of its role.

    Raises:
        UnsupportedError: The message has such a part.
    """
    for part in message.parts:
        if isinstance(part, kinds):
            raise UnsupportedError(
                f"A message of role {message.role!r} cannot contain a part of type {part.type!r} here.",
                hint="Put it into a user message.",
            )


DROPPED_CACHE_MARKS: Final = Adaptation(
    parameter="cache",
    action="dropped",
    reason="marks for prompt caching affect only price and speed, and were not sent",
)
"""The adaptation of a request for which `has_cache_marks` is true, if the marks are not sent."""


def has_cache_marks(messages: Iterable[Message]) -> bool:
    """Return whether a part of the messages has a mark for prompt caching; see `budwood.types.CacheLifetime`."""
    return any(getattr(part, "cache", None) is not None for message in messages for part in message.parts)


def count_characters(messages: Sequence[Message]) -> int:
    """Count the characters of all texts in messages, including tool arguments and results."""
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
    Check that the model can read the messages.

    Raises:
        UnsupportedError: The messages contain images, and the model does not take images.
    """
    if Capability.IMAGE_INPUT in capabilities:
        return
    parts = (part for message in messages for part in message.parts)
    if any(isinstance(part, ImagePart) or (isinstance(part, ToolResultPart) and part.images) for part in parts):
        raise UnsupportedError(f"{model} does not take images.", hint="Use a model that does, or leave the images out.")
