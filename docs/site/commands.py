"""Render all commands and their options as Markdown, from the program itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

TYPE: Final = re.compile(r"<(\w+)(?: range)?>")
TYPES: Final = {"int": "INTEGER", "float": "NUMBER", "str": "TEXT", "text": "TEXT", "path": "PATH", "filename": "FILE"}
"""How an option without a name for its value is shown, by the type of the value."""


def render_commands() -> str:
    """Return a part for each section of the table of commands, with a section for each command and subcommand."""
    from budwood_cli.command_table import COMMANDS
    from budwood_cli.loading import load_command

    lines: list[str] = []
    for section in dict.fromkeys(command.section for command in COMMANDS):
        lines.append(f"## {section}\n")
        for command in COMMANDS:
            if command.section == section:
                aliases = "".join(f" Also `budwood {alias}`." for alias in command.aliases)
                lines += _render(f"budwood {command.name}", load_command(command.name), 3, aliases)
    return "\n".join(lines)


def render_switches() -> str:
    """Return a table of the switches that every command has."""
    from budwood_cli.switches import SWITCHES

    rows = "\n".join(f"| `{', '.join(switch.names)}` | {_escape(switch.help)} |" for switch in SWITCHES)
    return f"| switch | |\n|---|---|\n{rows}\n"


def _subcommands(group: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a command of click; typer has a copy of it
    """Yield the visible commands of a group, in the order of its help."""
    for name, command in group.commands.items():
        if not command.hidden:
            yield name, command


def _render(path: str, command: Any, level: int, note: str = "") -> Iterator[str]:  # noqa: ANN401 - the same
    yield f"{'#' * level} `{path}`\n"
    yield f"{_prose(command.help or '')}{note}\n"
    if hasattr(command, "commands"):
        for name, subcommand in _subcommands(command):
            yield from _render(f"{path} {name}", subcommand, level + 1)
        return
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    usage = " ".join([path, "[OPTIONS]", *(_argument(argument) for argument in arguments)])
    yield f"```text\n{usage}\n```\n"
    rows = [*(_argument_row(argument) for argument in arguments), *_option_rows(command)]
    if rows:
        yield "| argument or option | |\n|---|---|"
        yield "\n".join(f"| {left} | {right} |" for left, right in rows) + "\n"


def _prose(text: str) -> str:
    """Convert a help text to Markdown: click's marks are removed, and examples become code."""
    paragraphs = text.replace("\f", "").split("\n\n")
    return "\n\n".join(
        f"```text\n{part.strip(chr(8)).strip()}\n```" if part.startswith("\b") else _escape(part) for part in paragraphs
    )


def _escape(text: str) -> str:
    """Escape what Markdown would read as HTML or as a cell of a table."""
    return re.sub(r"([<|*_])", r"\\\1", " ".join(text.split()))


def _argument(argument: Any) -> str:  # noqa: ANN401 - the same
    name = (argument.metavar or argument.name.upper()).strip("[].")
    name = f"{name}..." if argument.nargs == -1 else name
    return name if argument.required else f"[{name}]"


def _argument_row(argument: Any) -> tuple[str, str]:  # noqa: ANN401 - the same
    return f"`{_argument(argument)}`", _escape(getattr(argument, "help", None) or "")


def _option_rows(command: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - the same
    context = command.make_context(command.name, [], resilient_parsing=True)
    for option in command.params:
        if option.param_type_name == "option" and (record := option.get_help_record(context)):
            names = TYPE.sub(lambda match: TYPES[match[1]], record[0])
            yield f"`{names.replace('|', chr(92) + '|')}`", _escape(record[1])
