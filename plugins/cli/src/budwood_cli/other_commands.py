"""Commands of other distributions: entry points of the group ``budwood.commands``, found by their metadata alone."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final, NamedTuple

from budwood.errors import PluginConflictError, PluginInvalidError, PluginLoadError
from budwood_cli.command_table import find_command

GROUP: Final = "budwood.commands"
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class OtherCommand(NamedTuple):
    """
    A command of another distribution.

    Attributes:
        entry_point: Its name, and where it is.
        distribution: The name of the distribution.
        version: The version of the distribution.
    """

    entry_point: EntryPoint
    distribution: str
    version: str

    @property
    def label(self) -> str:
        """The distribution and its version, for messages."""
        return f"{self.distribution} {self.version}"

    @property
    def problem(self) -> str | None:
        """Why the command is ignored; None if it is not."""
        if not _NAME.fullmatch(self.entry_point.name):
            return "is not a valid name: use lower-case letters, digits and hyphens"
        return "is a command of Budwood" if find_command(self.entry_point.name) else None

    def load(self) -> object:
        """
        Import the command.

        Raises:
            PluginLoadError: That fails.
        """
        where = f"The command {self.entry_point.name!r} of {self.label}"
        hint = f"Update {self.distribution}, or uninstall it. `budwood --debug …` prints the traceback."
        try:
            return self.entry_point.load()
        except (Exception, SystemExit) as error:
            cause = f"{type(error).__name__}: {error}".rstrip(": ")
            raise PluginLoadError(f"{where} cannot be imported: {cause}", hint=hint) from error

    def invalid(self, found: object) -> PluginInvalidError:
        """Return the error for an object that is not a command."""
        return PluginInvalidError(
            f"The command {self.entry_point.name!r} of {self.label} is a {type(found).__name__}, "
            "not a function or a typer.Typer.",
            hint=f"Update {self.distribution}, or uninstall it.",
        )


@functools.cache
def list_other_commands() -> Mapping[str, tuple[OtherCommand, ...]]:
    """Return the commands by name, also those that are ignored. Several distributions may have the same name."""
    found: dict[str, tuple[OtherCommand, ...]] = {}
    for entry_point in entry_points(group=GROUP):
        distribution = entry_point.dist
        name, version = ("unknown", "") if distribution is None else (distribution.name, distribution.version)
        command = OtherCommand(entry_point, name, version)
        found[entry_point.name] = (*found.get(entry_point.name, ()), command)
    return dict(sorted(found.items()))


def find_other_command(name: str) -> OtherCommand | None:
    """
    Return the command with a name; None if no distribution has it.

    Raises:
        PluginConflictError: Several distributions have it.
    """
    commands = [command for command in list_other_commands().get(name, ()) if command.problem is None]
    if len(commands) > 1:
        labels = " and ".join(command.label for command in commands)
        raise PluginConflictError(
            f"Several distributions have a command {name!r}: {labels}.", hint="Uninstall all but one of them."
        )
    return commands[0] if commands else None
