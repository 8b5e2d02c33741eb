"""The prompt: the argument of a command, and standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final

import typer

from budwood.errors import PromptError
from budwood_cli import terminal
from budwood_cli.errors import ArgumentError

STDIN: Final = "-"
"""The argument for standard input."""


def build_prompt(argument: str | None, files: Sequence[str] = (), *, is_optional: bool = False) -> str:
    """
    Build the prompt: standard input unless it is a terminal, then the argument. The argument ``-`` is standard input.

    Args:
        argument: The argument of the command.
        files: The files of the command. If one of them is standard input, that is no part of the prompt.
        is_optional: Whether the text can be left out, as beside files. Then the prompt is empty.

    Raises:
        PromptError: There is no prompt, or it is not valid text.
        ArgumentError: Several arguments are standard input.
    """
    if [argument, *files].count(STDIN) > 1:
        raise ArgumentError("Standard input can only be read once.", hint="Pass - for one argument.")
    text = None if argument == STDIN else _checked(argument)
    piped = None if STDIN in files else _standard_input()
    parts = [part for part in (piped, text) if part and part.strip()]
    if not parts and (argument is not None or not is_optional):
        raise _make_missing_error(argument, piped)
    return "\n\n".join(parts)


def _make_missing_error(argument: str | None, piped: str | None) -> PromptError:
    if argument == STDIN and piped is None:
        return PromptError(
            "Standard input is a terminal, and - reads the prompt from it.", hint="Redirect a file or a pipe to it."
        )
    if argument is not None and argument != STDIN:
        return PromptError("The prompt is empty.", hint="Pass a text, or pipe one to standard input.")
    if piped is not None:
        return PromptError("No prompt given: standard input is empty.", hint="Pass a prompt as an argument.")
    return PromptError("No prompt given.", hint="Pass it as an argument, or through standard input.")


def open_file(name: str) -> str | BinaryIO:
    """
    Return a file that a command reads: its name, or standard input for ``-``.

    Raises:
        ArgumentError: Standard input is a terminal.
        PromptError: Standard input is empty.
    """
    if name != STDIN:
        return name
    if sys.stdin is None or terminal.is_terminal(sys.stdin):
        raise ArgumentError("Standard input is a terminal, and - reads a file from it.", hint="Redirect a file to it.")
    if isinstance(sys.stdin.buffer, BufferedReader) and not sys.stdin.buffer.peek(1):
        raise PromptError("Standard input is empty, and - reads a file from it.", hint="Redirect a file to it.")
    return sys.stdin.buffer


def open_files(names: Sequence[str]) -> list[str | BinaryIO]:
    """Return files that a command reads; see `open_file`."""
    return [open_file(name) for name in names]


def build_text(argument: str | None, file: str | None) -> str:
    """
    Return the text of a command: that of a file, or as `build_prompt` does.

    Raises:
        PromptError: There is no text, or it is not valid.
        ArgumentError: There are two, or the file cannot be read.
    """
    if file is None:
        return build_prompt(argument)
    if argument is not None:
        raise ArgumentError("The text is given twice.", hint="Pass it as an argument, or its file by -f.")
    text = read_text(file, hint="Pass a file with text.")
    if not text.strip():
        raise PromptError(f"{'Standard input' if file == STDIN else file} has no text.", hint="Pass a file with text.")
    return text


def read_text(name: str, *, hint: str) -> str:
    """
    Read a text from a file, or from standard input for ``-``.

    Raises:
        ArgumentError: The file cannot be read, or is not text.
    """
    source = open_file(name)
    try:
        content = Path(source).read_bytes() if isinstance(source, str) else source.read()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ArgumentError(f"{name}: {error.strerror}.", hint=hint) from error
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{name} is not UTF-8 text.", hint=hint) from error


def is_text(text: str) -> bool:
    """Tell whether a text is valid: Python decodes invalid bytes as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _checked(argument: str | None) -> str | None:
    """Check that the argument is valid text."""
    if argument is not None and not is_text(argument):
        raise typer.BadParameter("it is not valid UTF-8.", param_hint="PROMPT")
    return argument


def _standard_input() -> str | None:
    """Return the text of standard input; None if that is a terminal or closed."""
    if sys.stdin is None or terminal.is_terminal(sys.stdin):
        return None
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise PromptError("Standard input is not valid UTF-8.", hint="To send an image, use --file.") from None
