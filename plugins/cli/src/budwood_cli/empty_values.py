"""Find options with an empty value, which often comes from a variable of the shell that is not set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from budwood_cli.errors import ArgumentError

_TEXTS: Final = frozenset({"TEXT", "VALUE", "JSON", "KEY VALUE", "KEY=VALUE"})
"""What the help calls values that can be empty, or that have a check of their own."""


def check_values(command: Any, arguments: Sequence[str]) -> None:  # noqa: ANN401 - a command of click
    """
    Check that no option which needs a name, a file or a number has an empty value.

    Raises:
        ArgumentError: One has.
    """
    options = _find_options(command, arguments)
    previous = ""
    for argument in arguments:
        if argument == "--":
            return
        name, equals, value = argument.partition("=")
        empty = name if equals and not value else previous if not argument else ""
        if empty in options:
            raise ArgumentError(
                f"The value of {empty} is empty.",
                hint=f"Pass a value, such as a variable that is set, or omit {empty}.",
            )
        previous = argument


def _find_options(command: Any, arguments: Sequence[str]) -> Mapping[str, Any]:  # noqa: ANN401 - see above
    """Return the options of the subcommand that the arguments name, without flags and texts, by their names."""
    for argument in arguments:
        command = getattr(command, "commands", {}).get(argument, command)
    return {
        name: param
        for param in command.params
        if not getattr(param, "is_flag", False) and param.metavar not in _TEXTS
        for name in param.opts
        if name.startswith("-")
    }
