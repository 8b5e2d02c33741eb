"""Options that several commands share."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from budwood_cli.errors import ArgumentError
from budwood_cli.terminal import Layout


def check_positive(value: float | None, param: typer.CallbackParam) -> float | None:
    """
    Return the value of an option that is a positive number.

    Raises:
        ArgumentError: It is not, or it is not finite.
    """
    if value is None or 0 < value < math.inf:
        return value
    raise _wrong_number(value, param, "greater than 0")


def check_not_negative(value: float | None, param: typer.CallbackParam) -> float | None:
    """
    Return the value of an option that is a number from 0 on.

    Raises:
        ArgumentError: It is negative or not finite.
    """
    if value is None or 0 <= value < math.inf:
        return value
    raise _wrong_number(value, param, "that is not negative")


def _wrong_number(value: float, param: typer.CallbackParam, kind: str) -> ArgumentError:
    name = param.opts[-1]
    return ArgumentError(
        f"{name} must be a finite number {kind}; got {value:g}.",
        hint=f"Write {name} 1.5, for example, or leave it out.",
    )


Prompt = Annotated[str | None, typer.Argument(help="The prompt; - for standard input. Piped input comes before it.")]
Model = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="PROVIDER/MODEL", help="The model. Default: the one in the settings."),
]
System = Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="The system prompt.")]
Files = Annotated[
    list[str] | None,
    typer.Option("-f", "--file", metavar="FILE", help="A text, image, PDF or other file, or - for standard input."),
]
BaseURL = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="The address of the provider, instead of the usual one."),
]
ConversationID = Annotated[
    str | None,
    typer.Option("--conversation", metavar="ID", help="Continue this conversation."),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        callback=check_positive,
        help="The most that the call may take, with all retries.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="NUMBER", help="The same seed repeats a result, if the vendor supports it."),
]
Output = Annotated[
    str | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write, instead of printing.")
]
Format = Annotated[
    Layout | None,
    typer.Option("--format", metavar="FORMAT", help="table, json, or plain: tabs between the cells, and no titles."),
]
AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress and no summary.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The folder of the run, or its output: a file or a URL.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Confirm without a question.")]
