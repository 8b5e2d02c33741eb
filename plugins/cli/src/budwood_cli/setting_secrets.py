"""Hide secrets of settings in what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from budwood.providing import hide_secrets
from budwood_cli.pasted_keys import is_key

_WORDS: Final = frozenset(
    {"key", "keys", "apikey", "token", "secret", "password", "passphrase", "credential", "credentials"}
    | {"authorization", "auth", "cookie"}
)
_ADDRESS: Final = re.compile(r"\w://.*[@?]")
_IN_COMMENT: Final = re.compile(
    r"(?im)^(?P<name>[^\n]*#[^\n]*(?:key|token|secret|password|auth|cookie|credential)\w*\"?'?\s*[=:]\s*)(?P<value>[^\n]+)$"
)
_MIN_SHOWN: Final = 12
"""Of a shorter secret no character is shown: its end would be too large a part of it."""


def mask(secret: str) -> str:
    """Return a secret for a person who knows it: its last four characters."""
    return f"…{secret[-4:]}" if len(secret) >= _MIN_SHOWN else "…"


def is_secret(name: str) -> bool:
    """Tell whether the texts of a key are secrets, by its name."""
    return not _WORDS.isdisjoint(re.split(r"[-_]", name.lower()))


def mask_value(value: object, name: str = "") -> Any:  # noqa: ANN401 - a value of TOML
    """
    Return a value without its secrets.

    Args:
        value: A table, a list or a value.
        name: The key of the value, which tells whether it is a secret.
    """
    if isinstance(value, Mapping):
        return {key: mask_value(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [mask_value(inner, name) for inner in value]
    if not isinstance(value, str):
        return value
    if is_secret(name) or is_key(value):
        return mask(value)
    return hide_secrets(value) if _ADDRESS.search(value) else value


def find_secrets(value: object, name: str = "") -> Iterator[tuple[Any, str]]:
    """Return the texts that are secrets or contain some, each with what is shown in its place."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from find_secrets(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from find_secrets(inner, name)
    elif isinstance(value, str) and value and (shown := mask_value(value, name)) != value:
        yield value, shown


def mask_comments(text: str) -> str:
    """Hide what looks like a secret in the comments of a file, such as a key that is not used at the moment."""
    return _IN_COMMENT.sub(lambda found: f"{found['name']}…", text)
