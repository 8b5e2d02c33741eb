"""References to prompts: ``greeting``, ``greeting@production``, ``greeting@3``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from budwood_prompts.errors import InvalidPromptError

NAME_PATTERN: Final = r"^[a-z0-9]+([._-][a-z0-9]+)*$"
LABEL_PATTERN: Final = r"^[a-z]([a-z0-9_-]{0,48}[a-z0-9])?$"
MAX_NAME: Final = 100
"""The maximum length of a name."""

MAX_VERSION: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PromptReference:
    """
    Names a prompt, and one of its versions.

    Attributes:
        name: The name.
        label: The label of the version, such as ``production``.
        version: The number of the version. Without a label and a number, the newest version is meant.
    """

    name: str
    label: str | None = None
    version: int | None = None

    def __str__(self) -> str:
        end = self.label or self.version
        return self.name if end is None else f"{self.name}@{end}"


def parse_reference(text: str) -> PromptReference:
    """
    Return the reference that a text is.

    Raises:
        InvalidPromptError: It is none.
    """
    name, at, end = text.partition("@")
    is_name = len(name) <= MAX_NAME and re.fullmatch(NAME_PATTERN, name)
    if is_name and not at:
        return PromptReference(name)
    if is_name and re.fullmatch(LABEL_PATTERN, end):
        return PromptReference(name, label=end)
    if is_name and re.fullmatch(r"[1-9][0-9]{0,9}", end) and int(end) <= MAX_VERSION:
        return PromptReference(name, version=int(end))
    raise InvalidPromptError(
        f"Invalid prompt {text[:120]!r}: expected NAME, NAME@LABEL or NAME@VERSION.",
        hint="Names and labels have lower-case letters, digits, and . _ - between them.",
    )
