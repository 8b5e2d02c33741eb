"""Arguments and options that several commands have."""

from __future__ import annotations

import re
from typing import Annotated

import typer

Folder = Annotated[
    str, typer.Option("--dir", metavar="FOLDER", envvar="BUDWOOD_PROMPTS_DIR", help="The folder of the prompts.")
]
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="The prompts. Default: all.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of a prompt: greeting is the file greeting.toml.")]
Reference = Annotated[
    str, typer.Argument(metavar="NAME", help="A prompt of the server, or NAME@LABEL, or NAME@VERSION.")
]


def split_reference(reference: str) -> tuple[str, str | int | None]:
    """
    Return the name of a prompt, and its label or version; None for the newest.

    Raises:
        InvalidPromptError: The reference is not valid.
    """
    from budwood_prompts.references import parse_reference

    found = parse_reference(reference)
    return found.name, found.label or found.version


def check_label(label: str | None, name: str) -> None:
    """
    Check a label before anything is sent.

    Args:
        label: The label, if there is one.
        name: The argument or option that it comes from.

    Raises:
        ArgumentError: It is not a label.
    """
    from budwood_cli.errors import ArgumentError
    from budwood_prompts.references import LABEL_PATTERN

    if label is not None and not re.fullmatch(LABEL_PATTERN, label):
        raise ArgumentError(
            f"{name} {label[:80]!r} is not a label.",
            hint="A label has lower-case letters, digits, _ and -, and begins with a letter: production.",
        )
