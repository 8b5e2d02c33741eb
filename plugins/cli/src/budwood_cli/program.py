"""The program: all commands, and the handling of their errors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from budwood_cli import (
    ask,
    batches,
    caches,
    chat,
    count,
    generate,
    jobs,
    media,
    models,
    plugins,
    runs,
    states,
    telemetry,
    terminal,
    tokens,
    transcribe,
    usage,
    video,
)
from budwood_cli.call_options import join_pairs
from budwood_cli.errors import INTERRUPTED, USAGE, ArgumentError, report

app = typer.Typer(
    help="Use any language model: ask, chat, create datasets.",
    epilog="`budwood COMMAND --help` describes each command. Exit statuses: 0 success, 1 general error, 2 usage, "
    "3 configuration, 4 credentials, 5 limit or budget, 6 vendor or network, 7 part of a batch failed, "
    "130 interrupted.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("ask")(ask.ask)
app.command("run", help="The same as `budwood ask`.")(ask.ask)
app.command("chat")(chat.chat)
app.command("image")(media.image)
app.command("speak")(media.speak)
app.command("transcribe")(transcribe.transcribe)
app.command("video")(video.video)
app.command("count")(count.count)
app.command("generate")(generate.generate)
app.add_typer(batches.app, name="batch")
app.add_typer(jobs.app, name="jobs")
app.add_typer(runs.app, name="runs")
app.add_typer(plugins.app, name="plugins")
app.add_typer(models.app, name="models")
app.add_typer(states.keys, name="keys")
app.add_typer(tokens.app, name="tokens")
app.command("endpoints")(states.endpoints)
app.add_typer(caches.app, name="cache")
app.command("usage")(usage.usage)
app.add_typer(telemetry.app, name="telemetry")


@app.callback(invoke_without_command=True)
def budwood(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and exit.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print tracebacks of errors. Same as BUDWOOD_DEBUG=1.")
    ] = False,
) -> None:
    """Handle the options before the command. Print the help if no command is given."""
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
    """Run a command, print its error if there is one, and return the exit status."""
    terminal.configure_streams()
    program = get_command(app)
    try:
        _check_completion(arguments)
        status = program(join_pairs(arguments), prog_name="budwood", standalone_mode=False)
        terminal.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except terminal.OutputClosedError:
        return terminal.silence_output()
    except Exception as error:  # noqa: BLE001 - the user gets an error message, not a traceback
        return report(error, command=_command_path(program, arguments), as_json="--json" in arguments)
    return status if isinstance(status, int) else 0


def _check_completion(arguments: Sequence[str]) -> None:
    """Reject the name of a shell, which would be ignored: the script is always for the shell that is running."""
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
