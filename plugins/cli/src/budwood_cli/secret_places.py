"""Where secrets of the user are stored: in the keyring, or in a file if the user agrees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from budwood_cli import terminal
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from budwood.credential_store import Place


def choose_place(
    store: str | None, file: Path, *, yes: bool, subject: str = "key", form: str = "as text that only you may read"
) -> Place:
    """
    Return where to store a secret. Without a keyring, the user has to agree to a file.

    Args:
        store: What the option ``--store`` says, or None.
        file: The file.
        yes: Whether the user agrees without a question.
        subject: What is stored, for the question.
        form: How it is in the file, for the question.

    Raises:
        ArgumentError: The option is not valid, or no question can be asked.
    """
    from budwood_cli.questions import confirm
    from budwood_cli.stored_keys import find_place

    if store is not None:
        if store not in {"keyring", "file"}:
            raise ArgumentError(f"Invalid value for --store: {store!r}.", hint="Pass keyring or file.")
        return "file" if store == "file" else "keyring"
    place = find_place()
    if place is not None:
        return place
    details = f"There is no keyring that keeps the {subject}. {_keyring_hint()}"
    question = f"Store it in {terminal.short_path(file)}, {form}?"
    if not confirm(question, flag="--store file", yes=yes, details=details):
        raise typer.Exit(1)
    return "file"


def _keyring_hint() -> str:
    from importlib.util import find_spec

    from budwood.credential_store import INSTALL_HINT

    return f"For one: {INSTALL_HINT}." if find_spec("keyring") is None else "Start one, such as gnome-keyring, for one."
