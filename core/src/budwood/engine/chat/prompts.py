"""Turn prompts and files of callers into messages."""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from budwood.errors import PromptError
from budwood.types import (
    ImagePart,
    Message,
    Part,
    TextPart,
)

Prompt = str | Message | Sequence[Message | Mapping[str, Any]]
"""A text, a message, or a list of messages, which may be dictionaries in the form of Chat Completions."""

Content = str | Message
"""One input of a moderation: a text, or a message with texts and images."""

File = str | os.PathLike[str] | bytes
"""A file by its path, or its content."""

ReadFile = Callable[[str, bytes, str], tuple[Part, ...]]
"""Turns a file's name, content and media type into parts of a message."""

_ADDRESS: Final = re.compile(r"(?:https?|ftp|s3|gs|data|file):(?=//|[^/\\])", re.IGNORECASE)
_PRIVATE: Final = re.compile(r"(?<=//)[^/@]*@|[?#].*", re.DOTALL)
"""Parts of an address that may be secret: user name and password, query and fragment."""

_HINT_FOR_ADDRESSES: Final = "If the vendor can fetch the image: client.ask(Message.user(text, Image(url=…)))."
_HINT_FOR_FILES: Final = "Pass the path of the file, or its content as bytes."

_SIGNATURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}
"""The first bytes of files. Source: the specifications of the formats."""


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


def add_files(messages: tuple[Message, ...], files: Sequence[File], read: ReadFile) -> tuple[Message, ...]:
    """
    Put files before the text of the last message.

    Raises:
        PromptError: A file cannot be read, or no media handler supports its type.
    """
    if not files:
        return messages
    if not messages or messages[-1].role != "user":
        raise PromptError("No user message for the files.", hint="End the messages with a user message.")
    parts = tuple(part for number, file in enumerate(files, 1) for part in _read_file(file, number, read))
    *before, last = messages
    return (*before, last.model_copy(update={"parts": (*parts, *last.parts)}))


def guess_media_type(name: str, data: bytes) -> str:
    """
    Guess the media type of a file by its name. UTF-8 content without a known file extension is text.

    So is UTF-8 content with the extension of a video: TypeScript files have that of MPEG transport streams.
    """
    guessed, _ = mimetypes.guess_type(name)
    if guessed is not None and guessed.partition("/")[0] in ("image", "audio", "text"):
        return guessed
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return guessed or "application/octet-stream"
    return "text/plain" if "\0" not in text else guessed or "application/octet-stream"


def _read_file(file: object, number: int, read: ReadFile) -> tuple[Part, ...]:
    if isinstance(file, bytes):
        name = f"file {number}"
        return read(name, file, _detect_media_type(file) or guess_media_type(name, file))
    path = _parse_path(file)
    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise PromptError(f"{path} is a folder.", hint="Pass the files in it.") from None
    except (OSError, ValueError) as error:  # ValueError for a path that the system cannot have
        reason = getattr(error, "strerror", None) or error
        raise PromptError(f"Cannot read {path}: {reason}.", hint="Check the path.") from error
    return read(path.name, data, guess_media_type(path.name, data))


def _parse_path(file: object) -> Path:
    if isinstance(file, str) and (scheme := _ADDRESS.match(file)):
        shown = "data:…" if scheme[0].lower() == "data:" else _PRIVATE.sub("", file)
        hint = "Pass its path." if scheme[0].lower() == "file:" else _HINT_FOR_ADDRESSES
        raise PromptError(f"A file is given by its address, and Budwood does not download files: {shown}", hint=hint)
    if not isinstance(file, str | os.PathLike):
        hint = "Pass it in a message: Message.user(text, image)." if isinstance(file, ImagePart) else _HINT_FOR_FILES
        raise PromptError(f"A file is of the type {type(file).__name__}.", hint=hint)
    return Path(file)


def _detect_media_type(data: bytes) -> str | None:
    """Detect the media type of content by its first bytes; None if it is not known."""
    return next((media_type for start, media_type in _SIGNATURES.items() if data.startswith(start)), None) or (
        "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None
    )
