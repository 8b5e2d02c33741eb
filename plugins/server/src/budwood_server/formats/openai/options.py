"""The fields of OpenAI's text APIs that are options of Budwood, which every vendor gets in its own form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

LENGTHS: Final = frozenset({"max_tokens", "max_completion_tokens"})
"""Names of the maximum number of output tokens."""

_EFFORTS: Final = frozenset("none minimal low medium high xhigh max".split())


class Option(NamedTuple):
    """
    An option of Budwood.

    Attributes:
        name: Its name.
        accepts: Tells whether it can have a value.
        expected: Which values it can have, for errors.
    """

    name: str
    accepts: Callable[[Any], bool]
    expected: str


def _is_number(value: object) -> bool:
    return type(value) is float or type(value) is int


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_positive(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return _is_number(value) and value >= 0


def _is_probability(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return _is_number(value) and 0 <= value <= 1


def _is_stop(value: object) -> bool:
    if isinstance(value, str):
        return bool(value)
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) and text for text in value)


def _is_whole(value: object) -> bool:
    return type(value) is int


def _is_effort(value: object) -> bool:
    return isinstance(value, str) and value in _EFFORTS


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


COMPLETION_OPTIONS: Final[Mapping[str, Option]] = {
    "temperature": Option("temperature", _is_positive, "a number of 0 or more"),
    "top_p": Option("top_p", _is_probability, "a number from 0 to 1"),
    "max_tokens": Option("max_tokens", _is_count, "a number of 1 or more"),
    "stop": Option("stop", _is_stop, "a text or a list of texts"),
    "seed": Option("seed", _is_whole, "a whole number"),
    "frequency_penalty": Option("frequency_penalty", _is_number, "a number"),
    "presence_penalty": Option("presence_penalty", _is_number, "a number"),
}
"""Those of plain completions, by the fields of the request."""

CHAT_OPTIONS: Final[Mapping[str, Option]] = {
    **COMPLETION_OPTIONS,
    "max_completion_tokens": COMPLETION_OPTIONS["max_tokens"],
    "reasoning_effort": Option("reasoning_effort", _is_effort, f"one of {', '.join(sorted(_EFFORTS))}"),
    "parallel_tool_calls": Option("parallel_tool_calls", _is_flag, "true or false"),
}
"""Those of chats, by the fields of the request."""
