"""Check messages before they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, cast

from budwood.errors import PromptError, UnsupportedError
from budwood.types import (
    Adaptation,
    AnyMedia,
    Capability,
    ChatRequest,
    MediaKind,
    MediaPart,
    Message,
    TextPart,
    ToolResultPart,
)


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
    raise PromptError("There is no message to answer.", hint="Add a message of the user.")


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
    for message in messages:
        for part in message.parts:
            if getattr(part, "cache", None) is not None:
                return True
    return False


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


INPUT_CAPABILITIES: Final[Mapping[str, Capability]] = {
    "image": Capability.IMAGE_INPUT,
    "audio": Capability.AUDIO_INPUT,
    "video": Capability.VIDEO_INPUT,
    "document": Capability.DOCUMENT_INPUT,
}
"""The capability of models that take a kind of media in messages."""

_PLURALS: Final = {"image": "images", "audio": "audio", "video": "videos", "document": "documents such as PDF"}


def has_media(messages: Iterable[Message]) -> bool:
    """Tell whether messages or results of tools contain media."""
    for message in messages:
        for part in message.parts:
            if type(part) is TextPart:  # nearly all are
                continue
            if isinstance(part, MediaPart) or (isinstance(part, ToolResultPart) and part.media):
                return True
    return False


def list_media(messages: Iterable[Message]) -> list[AnyMedia]:
    """List the media in messages and in results of tools."""
    found: list[AnyMedia] = []
    for message in messages:
        for part in message.parts:
            if type(part) is TextPart:  # nearly all are
                continue
            if isinstance(part, MediaPart):
                found.append(part)
            elif isinstance(part, ToolResultPart) and not isinstance(part.content, str):
                found += part.media
    return found


MEDIA_FIELDS: Final = ("images", "mask", "audio", "video")
"""Fields of requests other than chat that hold media."""


def find_media(request: object) -> list[AnyMedia]:
    """List the media of a request to any service."""
    if isinstance(request, ChatRequest):
        return list_media(request.messages)
    values = (getattr(request, name, None) for name in MEDIA_FIELDS)
    parts = (part for value in values for part in (value if isinstance(value, tuple) else (value,)))
    return [cast("AnyMedia", part) for part in parts if isinstance(part, MediaPart)]


def check_capabilities(
    messages: Sequence[Message],
    capabilities: frozenset[Capability],
    model: str,
    find_takers: Callable[[MediaKind], Sequence[str]] | None = None,
) -> None:
    """
    Check that the model can read the media of the messages. Those that a model returned are not checked.

    Args:
        messages: The messages.
        capabilities: The capabilities of the model.
        model: The model, for the error.
        find_takers: Returns vendors with models that take a kind of media, for the hint.

    Raises:
        UnsupportedError: The messages contain media of a kind that the model does not take.
    """
    for part in list_media(message for message in messages if message.role != "assistant"):
        if INPUT_CAPABILITIES[part.type] not in capabilities:
            plural = _PLURALS[part.type]
            takers = find_takers(part.type) if find_takers is not None else ()
            vendors = f", such as one of {', '.join(takers)}" if takers else ""
            raise UnsupportedError(
                f"{model} does not take {plural}.",
                hint=f"Choose a model that takes {plural}{vendors}. Or remove the {plural}.",
            )
