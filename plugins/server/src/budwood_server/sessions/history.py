"""The messages of a session, in the form of Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_MESSAGES: Final = 1000
"""The number of messages of a session."""

MAX_BYTES: Final = 1_000_000
"""The size of the messages of a session as JSON."""

Message = Mapping[str, Any]
_SYSTEM: Final = ("system", "developer")


def join_messages(history: Sequence[Message], new: Sequence[Message]) -> list[Message]:
    """
    Return the messages of a session with those of a request.

    System messages come first. Those of the request replace the earlier ones: a prompt that each request names has
    them once, and in its newest version.
    """
    system = [message for message in new if _is_system(message)]
    if system:
        history = [message for message in history if not _is_system(message)]
    return [*system, *history, *(message for message in new if not _is_system(message))]


def _is_system(message: Message) -> bool:
    return message.get("role") in _SYSTEM
