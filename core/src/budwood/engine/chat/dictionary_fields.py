"""Read the fields of dictionaries in the forms of vendors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

CACHE_CONTROL: Final = "cache_control"

USE_REPLY_MESSAGE: Final = "Pass reply.message instead of a dictionary: it contains what the vendor needs back."
_HINTS: Final = {
    "audio": "Give its transcript as the content.",
    "reasoning_details": USE_REPLY_MESSAGE,
    "thinking_blocks": USE_REPLY_MESSAGE,
}


class UnknownFormError(Exception):
    """A dictionary is not a valid message."""

    def __init__(self, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.hint = hint


def reject_unknown(source: Mapping[str, Any], known: frozenset[str]) -> None:
    """
    Check that a dictionary has only known fields, or empty ones.

    Raises:
        UnknownFormError: It has others.
    """
    for name, value in source.items():
        if name not in known and value not in (None, "", [], {}, False):
            raise UnknownFormError(
                f"the field {name!r} is not supported", _HINTS.get(name, "Remove it, or put its content into the text.")
            )


def get_field(source: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - any JSON
    """
    Return the value of a field.

    Raises:
        UnknownFormError: The field is missing.
    """
    if name not in source:
        raise UnknownFormError(f"the field {name!r} is missing")
    return source[name]


def get_text(source: Mapping[str, Any], name: str) -> str:
    """
    Return the text of a field.

    Raises:
        UnknownFormError: The field is missing, or no text.
    """
    value = get_field(source, name)
    return value if isinstance(value, str) else raise_wrong_type(name, value, "a text")


def raise_wrong_type(name: str, value: object, expected: str) -> NoReturn:
    """
    Reject a value of a wrong type.

    Raises:
        UnknownFormError: Always.
    """
    raise UnknownFormError(f"{name} is of the type {type(value).__name__}, not {expected}")
