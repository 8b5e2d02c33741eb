"""Values of a specification from the command line: ``--set conversation.turns=3``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from budwood_cli.errors import ArgumentError

_KEY: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_STRUCTURED: Final = ('"', "'", "[", "{")
"""First characters of values that are meant to be TOML."""


def parse_assignments(texts: Sequence[str]) -> dict[str, Any]:
    """
    Return values by key. A value is TOML; if it is no valid TOML, as a text without quotes, it is a text.

    Raises:
        ArgumentError: A text is not KEY=VALUE, or its value is not valid.
    """
    return dict(map(_parse, texts))


def _parse(text: str) -> tuple[str, Any]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not _KEY.fullmatch(key):
        raise ArgumentError(
            f"--set {text!r} is not KEY=VALUE.", hint="Write a key with dots, such as --set conversation.turns=3."
        )
    return key, _parse_value(key, value)


def _parse_value(key: str, text: str) -> object:
    import tomllib

    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError as error:
        if text.startswith(_STRUCTURED) or "\n" in text or not text:
            raise ArgumentError(
                f"--set {key}: the value is not valid TOML: {error}.",
                hint=f"Write a list as --set '{key}=[…]', and a text in quotes of its own: --set '{key}=\"…\"'.",
            ) from error
        return text
    if table.keys() != {"value"}:
        raise ArgumentError(f"--set {key}: the value has more than one line.")
    return table["value"]
