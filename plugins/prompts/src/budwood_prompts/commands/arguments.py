"""Arguments and options that several commands have."""

from __future__ import annotations

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
