"""All commands in one program, and what becomes of the errors that they raise."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from budwood_cli import ask, chat, generate, models, plugins, runs, terminal, tokens
from budwood_cli.failures import INTERRUPTED, USAGE, ArgumentError, report

app = typer.Typer(
    help="Work with any language model: ask, chat, make datasets.",
    epilog="`budwood COMMAND --help` says more of each command. Exit statuses: 0 fine, 1 general, 2 usage, "
    "3 configuration, 4 credentials, 5 limit or budget, 6 vendor or network, 7 part of a batch failed, "
    "130 interrupted.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("ask")(ask.ask)
app.command("chat")(chat.chat)
app.command("tokens")(tokens.tokens)
app.command("generate")(generate.generate)
app.add_typer(runs.app, name="runs")
app.add_typer(plugins.app, name="plugins")
app.add_typer(models.app, name="models")


@app.callback(invoke_without_command=True)
def budwood(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and leave.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error came from; also BUDWOOD_DEBUG=1.")
    ] = False,
) -> None:
    """Take the options that stand before a command; show the help where none is given."""
    if debug:
        os.environ["BUDWOOD_DEBUG"] = "1"
    if version:
        from budwood import __version__

        terminal.write(f"budwood {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        terminal.note(context.get_help())
        raise typer.Exit(USAGE)


def run(arguments: Sequence[str]) -> int:
    """Run one command, and return the exit status; errors are written to standard error."""
    terminal.prepare()
    program = get_command(app)
    try:
        _check_completion(arguments)
        status = program(list(arguments), prog_name="budwood", standalone_mode=False)
        terminal.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except terminal.ReaderLeftError:
        return terminal.leave()
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets an error and not a traceback
        return report(error, command=_command_path(program, arguments))
    return status if isinstance(status, int) else 0


def _check_completion(arguments: Sequence[str]) -> None:
    """Refuse the name of a shell, which would be ignored: the script is always that of the shell that runs."""
    if len(arguments) > 1 and arguments[0] in ("--show-completion", "--install-completion"):
        raise ArgumentError(
            f"{arguments[0]} takes no value: it detects the shell.",
            hint=f"Run it within {arguments[1]}, without a value.",
        )


def _command_path(program: object, arguments: Sequence[str]) -> str:
    """Return the command that the arguments name, such as ``budwood runs show``."""
    path = "budwood"
    for argument in arguments:
        if not argument.startswith("-"):
            program = getattr(program, "commands", {}).get(argument)
            if program is None:
                break
            path = f"{path} {argument}"
    return path
