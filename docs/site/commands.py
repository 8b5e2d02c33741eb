"""Render all commands and their options as Markdown, from the program itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any


def render_commands() -> str:
    """Return a section for each command, and one for each subcommand of a group."""
    from budwood_cli.command_table import COMMANDS
    from budwood_cli.loading import load_command

    loaded = ((command.name, load_command(command.name)) for command in COMMANDS)
    return "\n".join(line for name, command in loaded for line in _render(f"budwood {name}", command, 2))


def _commands(group: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a command of click, which typer does not export
    """Yield the visible commands of a group, in the order of its help."""
    context = group.make_context(group.name or "budwood", [], resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield name, command


def _render(path: str, command: Any, level: int) -> Iterator[str]:  # noqa: ANN401 - the same
    yield f"{'#' * level} `{path}`\n"
    yield f"{_prose(command.help or '')}\n"
    if hasattr(command, "list_commands"):
        for name, subcommand in _commands(command):
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
            names = record[0].replace("<float range>", "NUMBER").replace("<int range>", "INTEGER")
            yield f"`{names.replace('|', chr(92) + '|')}`", _escape(record[1])
