"""Turn prompts and files of callers into messages."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from budwood.errors import PromptError
from budwood.types import AnyMedia, ImagePart, Message, TextPart

Prompt = str | Message | Sequence[Message | Mapping[str, Any]]
"""A text, a message, or a list of messages, which may be dictionaries in the form of Chat Completions."""

Content = str | Message
"""One input of a moderation: a text, or a message with texts and images."""


class Readable(Protocol):
    """A file object, opened for reading."""

    def read(self, size: int, /) -> bytes | str:
        """Read at most ``size`` bytes or characters."""
        ...


File = str | os.PathLike[str] | bytes | Readable | AnyMedia
"""A file by its path, its URL (``https:`` or ``data:``), its content, a file object, or a part of a message."""


def parse_prompt(prompt: Prompt, *, system: str | None = None) -> tuple[Message, ...]:
    """
    Turn a prompt into messages.

    Raises:
        PromptError: The prompt has none of the forms of `Prompt`.
    """
    start = (Message.system(system),) if system else ()
    if isinstance(prompt, str):
        return (*start, Message(role="user", parts=(TextPart(text=prompt),)))
    if isinstance(prompt, Message):
        return (*start, prompt)
    if isinstance(prompt, Mapping | bytes) or not isinstance(prompt, Sequence):
        raise PromptError(
            f"The prompt is of the type {type(prompt).__name__}.", hint="Pass a text, or a list of messages: [{…}, …]."
        )
    names: dict[str, str] = {}
    messages: list[Message] = list(start)
    for number, item in enumerate(prompt):
        if isinstance(item, Message):
            message = item
        else:
            from budwood.engine.chat.dictionaries import parse_message  # many programs pass no dictionaries

            message = parse_message(item, number, names)
        names.update({call.id: call.name for call in message.tool_calls})
        messages.append(message)
    return tuple(messages)


def parse_contents(contents: Sequence[Content]) -> tuple[tuple[TextPart | ImagePart, ...], ...]:
    """
    Turn texts and messages into the contents of a moderation.

    Raises:
        PromptError: A content is neither, or a message contains more than texts and images.
    """
    return tuple(_parse_content(content) for content in contents)


def _parse_content(content: Content) -> tuple[TextPart | ImagePart, ...]:
    if isinstance(content, str):
        return (TextPart(text=content),)
    if not isinstance(content, Message):
        raise PromptError(f"A content is of the type {type(content).__name__}.", hint="Pass texts or messages.")
    parts = tuple(part for part in content.parts if isinstance(part, TextPart | ImagePart))
    if len(parts) != len(content.parts):
        raise PromptError("A message to moderate contains more than texts and images.", hint="Remove the other parts.")
    return parts
