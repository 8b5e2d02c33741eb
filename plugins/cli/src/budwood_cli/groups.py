"""Groups of commands: ``budwood runs``, ``budwood plugins``, ``budwood models``."""

from __future__ import annotations

import typer
from typer.core import TyperGroup

from budwood_cli import terminal
from budwood_cli.errors import USAGE


def new_group(text: str, kind: type[TyperGroup] = TyperGroup) -> typer.Typer:
    """Create a group of commands that prints its help if no command is given."""
    group = typer.Typer(help=text, cls=kind, rich_markup_mode=None)
    group.callback(invoke_without_command=True)(_show_help)
    return group


def _show_help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        terminal.note(context.get_help())
        raise typer.Exit(USAGE)
