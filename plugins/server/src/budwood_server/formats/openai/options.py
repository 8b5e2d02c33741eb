"""The fields of OpenAI's text APIs that are options of Budwood, which every vendor gets in its own form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from budwood_server.formats.openai.json_values import (
    Check,
    is_flag,
    is_int,
    is_int_from_1,
    is_number,
    is_number_from_0,
    is_number_to_1,
)

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
    accepts: Check
    expected: str


def _is_stop(value: object) -> bool:
    if isinstance(value, str):
        return bool(value)
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) and text for text in value)


def _is_effort(value: object) -> bool:
    return isinstance(value, str) and value in _EFFORTS


COMPLETION_OPTIONS: Final[Mapping[str, Option]] = {
    "temperature": Option("temperature", is_number_from_0, "a number of 0 or more"),
    "top_p": Option("top_p", is_number_to_1, "a number from 0 to 1"),
    "max_tokens": Option("max_tokens", is_int_from_1, "a number of 1 or more"),
    "stop": Option("stop", _is_stop, "a text or a list of texts"),
    "seed": Option("seed", is_int, "a whole number"),
    "frequency_penalty": Option("frequency_penalty", is_number, "a number"),
    "presence_penalty": Option("presence_penalty", is_number, "a number"),
}
"""Those of plain completions, by the fields of the request."""

CHAT_OPTIONS: Final[Mapping[str, Option]] = {
    **COMPLETION_OPTIONS,
    "max_completion_tokens": COMPLETION_OPTIONS["max_tokens"],
    "reasoning_effort": Option("reasoning_effort", _is_effort, f"one of {', '.join(sorted(_EFFORTS))}"),
    "parallel_tool_calls": Option("parallel_tool_calls", is_flag, "true or false"),
}
"""Those of chats, by the fields of the request."""
