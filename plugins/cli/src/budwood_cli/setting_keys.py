"""Keys of settings as users write them, such as ``providers.work.base_url``, and their values."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from budwood.names import normalise
from budwood.settings_sources import MAX_DEPTH
from budwood_cli.errors import ArgumentError

Steps = tuple[str, ...]
"""The parts of a dotted key."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+$")
_LEAF: Final = "value of a key"

_WITHOUT_NAMES: Final = frozenset({"options", "plugins", "models", "budgets"})
"""Sections in which ``-`` and ``_`` differ."""


def parse_key(text: str) -> Steps:
    """
    Parse a dotted key as in TOML; parts with other characters are in quotes: ``models."work/large".prices``.

    Raises:
        ArgumentError: It is not a key.
    """
    try:
        tree: Any = tomllib.loads(f"{text} = {_LEAF!r}")
    except (ValueError, RecursionError):
        tree = None
    path: list[str] = []
    while isinstance(tree, dict) and len(tree) == 1:
        (step,) = tree
        path.append(step)
        tree = tree[step]
    if tree != _LEAF or not all(path) or len(path) > MAX_DEPTH:
        raise ArgumentError(
            f"Invalid key {text!r}.",
            hint="Write it as in TOML: model, options.retries, providers.work.base_url. "
            "Parts with other characters are in quotes: 'models.\"work/large\".refuses'.",
        )
    return tuple(path)


def format_key(path: Sequence[str | int]) -> str:
    """Return a path as a dotted key: ``providers.work.backups[0].base_url``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f"{'.' if text else ''}{step if _BARE.match(step) else _quote(step)}"
    return text


def find_key(table: Mapping[str, Any], step: str, above: Steps) -> str:
    """Return the key of a table that means the same as ``step``: names of instances are compared normalised."""
    if step in table or len(above) != 1 or above[0] in _WITHOUT_NAMES:
        return step
    return next((key for key in table if normalise(str(key)) == normalise(step)), step)


def parse_value(text: str) -> object:
    """Parse a value as in TOML; any other text is itself."""
    try:
        tree = tomllib.loads(f"value = {text}\n")
    except (ValueError, RecursionError):
        return text
    return tree["value"] if len(tree) == 1 else text


def _quote(step: str) -> str:
    escaped = "".join(
        char
        if char.isprintable() and char not in '"\\'
        else f"\\u{ord(char):04x}"
        if ord(char) < 0x10000
        else f"\\U{ord(char):08x}"
        for char in step
    )
    return f'"{escaped}"'


def is_within(path: Steps, above: Steps) -> bool:
    """Tell whether a key is the same as another one, or in its table. Names are compared normalised."""
    return [normalise(step) for step in path[: len(above)]] == [normalise(step) for step in above]
