"""The program: reads what is before the command, runs the command, and handles its error."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from budwood_cli import terminal
from budwood_cli.errors import INTERRUPTED, USAGE, ArgumentError, report
from budwood_cli.loading import HELP_NAMES, load_command
from budwood_cli.switches import SWITCHES, find_switch, reset_switches


class Invocation(NamedTuple):
    """
    What the arguments say.

    Attributes:
        option: An option of ``budwood`` itself that replaces a command, such as ``--version``.
        command: The name of the command.
        arguments: The arguments after it.
    """

    option: str | None = None
    command: str | None = None
    arguments: Sequence[str] = ()


_OPTIONS = (*HELP_NAMES, "--version", "-V", "--show-completion", "--install-completion", "--complete")


def run(arguments: Sequence[str]) -> int:
    """Run a command, print its error if there is one, and return the exit status."""
    terminal.configure_streams()
    reset_switches()
    run_command = _Run(arguments)
    try:
        status = run_command()
        terminal.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except terminal.OutputClosedError:
        return terminal.silence_output()
    except Exception as error:  # noqa: BLE001 - the user gets an error message, not a traceback
        return report(error, command=run_command.path(), as_json=wants_json(arguments))
    return status


class _Run:
    """
    Runs the arguments of a process.

    Args:
        arguments: The arguments.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._invocation = Invocation()
        self._command: object = None

    def __call__(self) -> int:
        self._invocation = found = parse(self._arguments)
        if found.option is not None:
            return _run_option(found.option, found.arguments)
        if found.command is None:
            from budwood_cli.help_page import format_help

            terminal.note(format_help())
            return USAGE
        return self._run_command(found.command, found.arguments)

    def path(self) -> str:
        """Return the command that the arguments name, such as ``budwood runs show``."""
        path, command = "budwood", self._command
        if command is None:
            return path
        path = f"budwood {self._invocation.command}"
        for argument in self._invocation.arguments:
            if not argument.startswith("-"):
                command = getattr(command, "commands", {}).get(argument)
                if command is None:
                    break
                path = f"{path} {argument}"
        return path

    def _run_command(self, name: str, arguments: Sequence[str]) -> int:
        command = self._command = load_command(name)
        from budwood_cli.call_options import join_pairs  # it imports typer, which unknown commands do not need
        from budwood_cli.empty_values import check_values

        joined = join_pairs(arguments)
        check_values(command, joined)
        status = command.main(
            args=joined,
            prog_name=f"budwood {name}",
            standalone_mode=False,
            help_option_names=list(HELP_NAMES),
        )
        return status if isinstance(status, int) else 0


def parse(arguments: Sequence[str]) -> Invocation:
    """
    Turn on the switches before the command, and find the command.

    Raises:
        ArgumentError: An option is not known.
    """
    for number, argument in enumerate(arguments):
        rest = list(arguments[number + 1 :])
        if not argument.startswith("-"):
            return Invocation(command=argument, arguments=rest)
        if argument in _OPTIONS:
            return Invocation(option=argument, arguments=rest)
        switch = find_switch(argument)
        if switch is None:
            raise _unknown_option(argument)
        switch.turn_on()
    return Invocation()


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether errors are printed as JSON. The arguments may not be valid, so they are only searched."""
    before = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    if not {"--json", "--jsonl", "--format=json", "--format=jsonl"}.isdisjoint(before):
        return True
    return any(pair in (("--format", "json"), ("--format", "jsonl")) for pair in pairwise(before))


def _unknown_option(name: str) -> ArgumentError:
    from difflib import get_close_matches

    switches = [name for switch in SWITCHES for name in switch.names]
    known = [option for option in (*_OPTIONS, *switches) if option != "--complete"]
    close = get_close_matches(name, known)
    suggestion = f" Did you mean {' or '.join(close)}?" if close else ""
    return ArgumentError(f"No such option: {name}.{suggestion}", hint="`budwood --help` lists the options.")


def _run_option(name: str, arguments: Sequence[str]) -> int:
    if name in HELP_NAMES:
        from budwood_cli.help_page import format_help

        terminal.write(format_help() + "\n")
    elif name in ("--version", "-V"):
        from budwood import __version__

        terminal.write(f"budwood {__version__}\n")
    else:
        from budwood_cli import completion_scripts

        completion_scripts.run(name, arguments)
    return 0
