"""Import the command that runs, and no other."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any, Final

from budwood.errors import ConfigurationError
from budwood_cli.command_table import Command, find_command, list_names
from budwood_cli.errors import ArgumentError
from budwood_cli.other_commands import find_other_command, list_other_commands
from budwood_cli.switches import SWITCHES, Switch

HELP_NAMES: Final = ("-h", "--help")
SWITCHES_NOTE: Final = "--debug, --no-color, --no-input and --yes: see `budwood --help`."


class MissingDistributionError(ConfigurationError):
    """A command needs a distribution that is not installed."""

    error_code = "missing_distribution"


class UnknownCommandError(ArgumentError):
    """No command has this name."""

    error_code = "unknown_command"


def load_command(name: str) -> Any:  # noqa: ANN401 - a command of click, which typer has as a private copy
    """
    Import a command, and return it as an object of typer.

    Raises:
        UnknownCommandError: There is none with this name.
        MissingDistributionError: Its distribution is not installed.
        PluginError: A command of another distribution cannot be used.
    """
    if (own := find_command(name)) is not None:
        return _to_click(own.name, _load_own(own))
    if (other := find_other_command(name)) is None:
        raise _unknown(name)
    found = other.load()
    if not _is_command(found):
        raise other.invalid(found)
    return _to_click(name, found)


def is_installed(command: Command) -> bool:
    """Tell whether the distribution of a command is installed."""
    return find_spec(command.package or command.module.partition(".")[0]) is not None


def missing_distribution(user: str, distribution: str) -> MissingDistributionError:
    """Return the error for a command or an option whose distribution is not installed."""
    from budwood.plugins.first_party import install_hint

    return MissingDistributionError(
        f"{user} needs {distribution}, which is not installed.", hint=install_hint(distribution)
    )


def _load_own(command: Command) -> object:
    if not is_installed(command):
        raise missing_distribution(f"`budwood {command.name}`", command.distribution)
    return getattr(importlib.import_module(command.module), command.attribute)


def _unknown(name: str) -> UnknownCommandError:
    from difflib import get_close_matches

    close = get_close_matches(name, [*list_names(), *list_other_commands()])
    text = f"No such command {name!r}."
    if close:
        text += f" Did you mean {' or '.join(map(repr, close))}?"
    return UnknownCommandError(text, hint="`budwood --help` lists the commands.")


def _is_command(found: object) -> bool:
    import typer

    return isinstance(found, typer.Typer) or (callable(found) and not isinstance(found, type))


def _to_click(name: str, found: Any) -> Any:  # noqa: ANN401 - see load_command
    """Return a function or a Typer app as a command of click, with the switches of all commands."""
    import typer
    from typer.main import get_command

    app = found
    if not isinstance(found, typer.Typer):
        app = typer.Typer()
        app.command(name)(found)
    command = get_command(app)
    command.name = name
    completion = ("install_completion", "show_completion")  # `budwood` has these itself
    command.params = [param for param in command.params if param.name not in completion]
    _prepare(command, _create_switches())
    return command


def _prepare(command: Any, switches: list[Any]) -> None:  # noqa: ANN401 - see load_command
    """Add the switches to a command and its subcommands, and print their help without rich."""
    command.rich_markup_mode = None
    own = {name for param in command.params for name in param.opts}
    command.params += [switch for switch in switches if own.isdisjoint(switch.opts)]
    subcommands = getattr(command, "commands", {})
    if not subcommands and not command.epilog:
        command.epilog = SWITCHES_NOTE
    for subcommand in subcommands.values():
        _prepare(subcommand, switches)


def _create_switches() -> list[Any]:
    """Return the switches as hidden options of typer, which do what they say when they are parsed."""
    import typer
    from typer.main import get_command

    def create(switch: Switch) -> Any:  # noqa: ANN401 - see load_command
        def turn_on(value: bool) -> bool:  # noqa: FBT001 - typer calls it
            if value:
                switch.turn_on()
            return value

        option = typer.Option(
            False,  # noqa: FBT003 - the default
            *switch.names,
            help=switch.help,
            callback=turn_on,
            is_eager=True,
            hidden=True,
            expose_value=False,
        )

        def declare(value: bool = option) -> None:  # noqa: FBT001 - typer reads it
            del value

        app = typer.Typer(add_completion=False)
        app.command()(declare)
        found = next(param for param in get_command(app).params if switch.names[0] in param.opts)
        found.name = f"switch {switch.names[0]}"  # unlike that of any parameter of a command, and of other switches
        return found

    return [create(switch) for switch in SWITCHES]
