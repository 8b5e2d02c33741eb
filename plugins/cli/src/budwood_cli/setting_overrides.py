"""Which other source has a setting that was set or removed in a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from budwood.errors import BudwoodError
from budwood.names import normalise
from budwood.settings import Settings
from budwood_cli.setting_keys import is_within, parse_key
from budwood_cli.setting_origins import collect_values, is_credential
from budwood_cli.settings_files import user_file

if TYPE_CHECKING:
    from pathlib import Path

    from budwood_cli.setting_keys import Steps
    from budwood_cli.setting_origins import Value

_STORED: Final = "stored key"


def describe_overrides(file: Path, key: str) -> list[str]:
    """Return which sources take precedence over a key that was set in a file."""
    weaker = {str(file), str(user_file())}
    return [
        f"note: {value.place} sets {value.key} too, and takes precedence"
        for value in _find(parse_key(key))
        if value.origin != _STORED and value.name is not None and value.name not in weaker
    ]


def describe_rest(file: Path, key: str) -> list[str]:
    """Return which sources still have a key that was removed from a file."""
    return [
        f"note: the stored key of {value.path[1]} applies now; `budwood tokens list` shows it"
        if value.origin == _STORED
        else f"note: {value.place} still sets {value.key}"
        for value in _find(parse_key(key))
        if value.name is not None and value.name != str(file)
    ]


def _find(path: Steps) -> Iterator[Value]:
    """Yield the values that apply for a key; for an API key, also keys of the same provider under other names."""
    try:
        providers = [normalise(path[1])] if is_credential(path) else []
        values = collect_values(Settings.load(), defaults=False, providers=providers)
    except BudwoodError:
        return
    for value in values:
        is_same = len(value.path) == len(path) and is_within(value.path, path)
        is_key = is_within(value.path[:2], path[:2]) and is_credential(path)
        if is_same or (is_key and (value.origin == _STORED or is_credential(value.path))):
            yield value
