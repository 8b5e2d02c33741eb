"""Texts that stand for files in JSON, which are sent in blocks."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final, Self

from budwood.types import Body, BodyFile

FILE_TOKEN: Final = f"budwood-file-{secrets.token_hex(16)}-"
"""The start of the texts. It is random, so that no other text contains it."""

_numbers = count()


class FileText(str):
    """
    A text that stands for the content of a file in base64, with a prefix; for `encode_json`.

    Attributes:
        file: The file.
        prefix: The text before the content.
    """

    __slots__ = ("file", "prefix")

    file: BodyFile
    prefix: str

    def __new__(cls, file: BodyFile, prefix: str = "") -> Self:
        """Create the text: the prefix and a token."""
        text = super().__new__(cls, f"{prefix}{FILE_TOKEN}{next(_numbers)};")
        text.file = file
        text.prefix = prefix
        return text


def insert_files(value: Any, content: bytes) -> Body:  # noqa: ANN401 - any JSON
    """Return encoded JSON with the files of ``value`` in place of their tokens."""
    token = FILE_TOKEN.encode()
    files = {str(text).removeprefix(text.prefix).encode(): text.file for text in _find_files(value)}
    body: list[bytes | BodyFile] = []
    start = 0
    while (found := content.find(token, start)) >= 0:
        end = content.index(b";", found) + 1
        body += [content[start:found], files[content[found:end]]]
        start = end
    return (*body, content[start:])


def _find_files(value: object) -> Iterator[FileText]:
    if isinstance(value, FileText):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _find_files(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _find_files(item)
