"""Values of variables from the command line: ``--var name=Ada``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from budwood_cli.errors import ArgumentError
from budwood_prompts.prompt import Prompt
from budwood_prompts.values import VariableType

_BOOLEANS: Final = {"true": True, "false": False}


def read_values(prompt: Prompt, assignments: Sequence[str]) -> dict[str, object]:
    """
    Return the values of variables by name, in the types that the prompt declares.

    Raises:
        ArgumentError: A text is not NAME=VALUE, or its value is of another type.
    """
    values: dict[str, object] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ArgumentError(f"--var {assignment!r} is not NAME=VALUE.", hint="Write --var name=Ada, for example.")
        variable = prompt.variables.get(name)
        values[name] = _read_value(name, text, variable.type if variable else "text")
    return values


def _read_value(name: str, text: str, kind: VariableType) -> object:
    if kind == "text":
        return text
    if kind == "boolean" and text in _BOOLEANS:
        return _BOOLEANS[text]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list if kind == "list" else int | float) and not isinstance(value, bool):
        return value
    example = {"number": "3", "boolean": "true", "list": '\'["a", "b"]\''}[kind]
    raise ArgumentError(f"--var {name}: {text[:80]!r} is not a {kind}.", hint=f"Write --var {name}={example}.")
