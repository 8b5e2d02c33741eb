"""The prompt: the argument of a command, and standard input."""

from __future__ import annotations

import sys

import typer

from budwood.errors import PromptError
from budwood_cli import terminal


def build_prompt(argument: str | None) -> str:
    """
    Build the prompt: the argument, then standard input unless it is a terminal. The argument ``-`` is standard input.

    Raises:
        PromptError: There is no prompt, or it is not valid text.
    """
    text = None if argument == "-" else _checked(argument)
    parts = [part for part in (text, _standard_input()) if part and part.strip()]
    if not parts:
        raise PromptError("No prompt given.", hint="Pass it as an argument, or through standard input.")
    return "\n\n".join(parts)


def is_text(text: str) -> bool:
    """Tell whether a text is valid: Python decodes invalid bytes as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _checked(argument: str | None) -> str | None:
    """Check that the argument is valid text."""
    if argument is not None and not is_text(argument):
        raise typer.BadParameter("it is not valid UTF-8.", param_hint="PROMPT")
    return argument


def _standard_input() -> str:
    if sys.stdin is None or terminal.is_terminal(sys.stdin):
        return ""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise PromptError("Standard input is not valid UTF-8.", hint="To send an image, use --file.") from None
