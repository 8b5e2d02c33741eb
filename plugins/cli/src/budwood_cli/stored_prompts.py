"""Prompts by name: ``--prompt greeting@production --var name=Ada``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from budwood_cli.errors import ArgumentError

Name = Annotated[
    str | None,
    typer.Option(
        "--prompt", metavar="NAME[@LABEL]", help="A stored prompt in place of a text, of a folder or of a server."
    ),
]
Values = Annotated[
    list[str] | None,
    typer.Option(
        "--var",
        metavar="NAME=VALUE",
        help="The value of a variable of --prompt; NAME:=JSON for a number or a boolean. Can be repeated.",
    ),
]

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:?=)(.*)", re.DOTALL)
_EXAMPLE: Final = "Write --var name=Ada, --var 'topics=[\"tea\"]' for a list, or --var count:=3 for a number."


def read_variables(name: str | None, assignments: Sequence[str] | None, argument: str | None) -> dict[str, Any] | None:
    """
    Return the values of the variables of a stored prompt; None without one.

    A value is a text, or a list if it is one in JSON. After ``:=`` it is any JSON.

    Args:
        name: The value of ``--prompt``.
        assignments: The values of ``--var``.
        argument: The argument of the command for a text, which a stored prompt replaces.

    Raises:
        ArgumentError: A text is not NAME=VALUE, a name is given twice, or the arguments contradict each other.
    """
    if name is None:
        if assignments:
            raise ArgumentError("--var needs a stored prompt.", hint="Name it by --prompt NAME.")
        return None
    if argument is not None:
        raise ArgumentError(
            "There are a prompt and --prompt.", hint="Pass one of them. A variable takes text: --var name=…"
        )
    values: dict[str, Any] = {}
    for variable, value in map(_read, assignments or ()):
        if variable in values:
            raise ArgumentError(f"--var {variable} is given twice.", hint="Pass it once.")
        values[variable] = value
    return values


@contextmanager
def variable_errors(variables: Mapping[str, Any] | None) -> Iterator[None]:
    """Add how values are written to errors about a stored prompt that have no hint of their own."""
    from budwood.errors import PromptError

    try:
        yield
    except PromptError as error:
        if variables is not None:
            error.hint = error.hint or _EXAMPLE
        raise


def _read(assignment: str) -> tuple[str, object]:
    found = _ASSIGNMENT.fullmatch(assignment)
    if found is None:
        raise ArgumentError(f"--var {assignment!r} is not NAME=VALUE.", hint=_EXAMPLE)
    name, sign, text = found.groups()
    if sign == "=" and not text.startswith("["):
        return name, text
    try:
        return name, json.loads(text)
    except (ValueError, RecursionError):
        if sign == "=":
            return name, text
        raise ArgumentError(f"--var {name}: {text[:80]!r} is not JSON.", hint=_EXAMPLE) from None
