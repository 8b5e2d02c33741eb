"""The help of ``budwood`` itself, printed from the table of commands without importing one."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from budwood_cli.command_table import COMMANDS, Command
from budwood_cli.loading import is_installed
from budwood_cli.other_commands import list_other_commands
from budwood_cli.switches import SWITCHES

OPTIONS: Final = (
    ("-V, --version", "Print the version and exit."),
    *((", ".join(reversed(switch.names)), switch.help) for switch in SWITCHES),
    ("--install-completion [SHELL]", "Install completion for bash, fish or zsh. Default: the shell that runs."),
    ("--show-completion [SHELL]", "Print the script that completes commands."),
    ("-h, --help", "Print this help and exit."),
)
EPILOG: Final = (
    "`budwood COMMAND --help` describes each command. --debug, --no-color, --no-input and --yes can also follow it. "
    "Exit statuses: 0 success, 1 general error, 2 usage, 3 configuration, 4 credentials, 5 limit or budget, "
    "6 vendor or network, 7 part of a batch failed, 130 interrupted."
)
_MIN_WIDTH: Final = 60
_MAX_WIDTH: Final = 100
_MAX_TERM: Final = 18
"""Columns of a name whose text is on the same line."""


def format_help() -> str:
    """Return the help, as wide as the terminal."""
    width = max(min(shutil.get_terminal_size().columns, _MAX_WIDTH), _MIN_WIDTH)
    lines = ["Usage: budwood [OPTIONS] COMMAND [ARGS]...", ""]
    lines += ["  Use any language model: ask, chat, create datasets."]
    for title, rows in _sections():
        lines += ["", f"{title}:", *(line for row in rows for line in _format_row(*row, width))]
    notes = list(_ignored_commands())
    for text in (EPILOG, *notes):
        lines += ["", *_wrap(text, width, "  ")]
    return "\n".join(lines)


def _sections() -> Iterator[tuple[str, Iterable[tuple[str, str]]]]:
    yield "Options", OPTIONS
    for title, commands in groupby(COMMANDS, key=lambda command: command.section):
        yield title, [(command.name, _describe(command)) for command in commands]
    others = [
        (name, f"From {', '.join(command.distribution for command in usable)}.")
        for name, commands in list_other_commands().items()
        if (usable := [command for command in commands if command.problem is None])
    ]
    if others:
        yield "Of other distributions", others


def _describe(command: Command) -> str:
    aliases = f" Also: {', '.join(command.aliases)}." if command.aliases else ""
    missing = "" if is_installed(command) else f" Needs {command.distribution}."
    return f"{command.help}{aliases}{missing}"


def _ignored_commands() -> Iterator[str]:
    for name, commands in list_other_commands().items():
        for command in commands:
            if command.problem is not None:
                yield f"Ignored: the command {name!r} of {command.label}, because that {command.problem}."


def _format_row(term: str, text: str, width: int) -> list[str]:
    """Return a name and its text in two columns; a long name has a line of its own."""
    indent = " " * (_MAX_TERM + 4)
    lines = _wrap(text, width, indent)
    if len(term) > _MAX_TERM:
        return [f"  {term}", *lines]
    return [f"  {term:<{_MAX_TERM}}  {lines[0].lstrip()}", *lines[1:]]


def _wrap(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
