"""
Questions to the person at the terminal.

They are written to standard error and answered on standard input. Each has an option that answers it instead: with
``--no-input``, or if either stream is not a terminal, a question is an error that names the option. Ctrl-C and Ctrl-D
raise KeyboardInterrupt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from budwood_cli import terminal
from budwood_cli.errors import ArgumentError


class Answers:
    """
    How questions of the running command are answered.

    Attributes:
        no_input: Whether questions are errors (``--no-input``).
        no_input_flag: The option that says so, as the user typed it.
        yes: Whether confirmations are given without a question (``--yes``).
    """

    no_input: bool = False
    no_input_flag: str = "--no-input"
    yes: bool = False


ANSWERS: Final = Answers()


def is_interactive() -> bool:
    """Tell whether questions can be asked."""
    return not ANSWERS.no_input and _missing_terminal() is None


def confirm(
    question: str, *, flag: str = "--yes", yes: bool = False, details: str | None = None, default: bool = False
) -> bool:
    """
    Ask a question that is answered by yes or no.

    Args:
        question: The question, such as ``Remove the run?``.
        flag: The option that confirms without a question.
        yes: Whether that option was passed. ``--yes`` before the command also counts.
        details: Lines to show before the question.
        default: The answer of an empty line.

    Raises:
        ArgumentError: No question can be asked.
    """
    if yes or ANSWERS.yes:
        return True
    _require_terminal(question, flag)
    if details is not None:
        terminal.note(details)
    answers = {"y": True, "yes": True, "n": False, "no": False, "": default}
    while True:
        answer = _read_line(f"{question} {'[Y/n]' if default else '[y/N]'} ").lower()
        if answer in answers:
            return answers[answer]
        terminal.note("Answer y or n.")


def ask_text(question: str, *, flag: str, default: str | None = None) -> str:
    """
    Ask for a line of text that is not empty.

    Args:
        question: The question, such as ``Name of the provider``.
        flag: The option that has the answer, such as ``--name NAME``.
        default: The answer of an empty line.

    Raises:
        ArgumentError: No question can be asked.
    """
    _require_terminal(question, flag)
    return _ask_until_answered(lambda: _read_line(_with_default(question, default)) or default or "")


def ask_secret(question: str, *, flag: str) -> str:
    """
    Ask for a secret, which is not shown while it is typed.

    Args:
        question: The question, such as ``API key of openai``.
        flag: The option that reads the secret without a question, such as ``--token -``.

    Raises:
        ArgumentError: No question can be asked.
    """
    _require_terminal(question, flag)
    return _ask_until_answered(lambda: _read_hidden(f"{question}: "))


def choose(
    question: str,
    choices: Sequence[str] | Mapping[str, str],
    *,
    flag: str,
    default: str | None = None,
    explain: Callable[[str], str] | None = None,
) -> str:
    """
    Ask for one of several choices, by its number, its name or the start of its name.

    Args:
        question: The question, such as ``Which provider?``.
        choices: The choices, or a mapping of the choices to their descriptions.
        flag: The option that has the answer, such as ``--provider NAME``.
        default: The choice of an empty line.
        explain: Returns why a name is none of the choices, and what to do.

    Raises:
        ArgumentError: No question can be asked.
    """
    _require_terminal(question, flag)
    names = list(choices)
    terminal.note(f"{question}\n{_list_choices(choices)}")
    while True:
        answer = _read_line(_with_default("Number or name", default)) or default or ""
        found = _find_choice(answer, names)
        if len(found) == 1:
            return found[0]
        if answer:
            terminal.note(_describe_wrong(answer, found, explain))


def _describe_wrong(answer: str, found: Sequence[str], explain: Callable[[str], str] | None) -> str:
    if found:
        return f"{answer!r} can be {', '.join(found)}."
    return f"{answer!r} is none of the choices." if explain is None or answer.isdecimal() else explain(answer)


def _list_choices(choices: Sequence[str] | Mapping[str, str]) -> str:
    names = list(choices)
    described = choices if isinstance(choices, Mapping) else {}
    number_width, name_width = len(str(len(names))), max(map(len, names))
    lines = (
        f"  {number:>{number_width}}  {name:<{name_width}}  {described.get(name, '')}".rstrip()
        for number, name in enumerate(names, 1)
    )
    return "\n".join(lines)


def _find_choice(answer: str, names: Sequence[str]) -> list[str]:
    """Return the choices that an answer can mean."""
    if not answer:
        return []
    lower = answer.lower()
    exact = [name for name in names if name.lower() == lower]
    if exact:
        return exact
    if answer.isdecimal():
        return list(names[int(answer) - 1 : int(answer)]) if int(answer) else []
    return [name for name in names if name.lower().startswith(lower)]


def _with_default(question: str, default: str | None) -> str:
    return f"{question}: " if default is None else f"{question} [{default}]: "


def _ask_until_answered(ask: Callable[[], str]) -> str:
    while True:
        if answer := ask():
            return answer
        terminal.note("An answer is needed; Ctrl-C leaves.")


def _require_terminal(question: str, flag: str) -> None:
    """
    Check that a question can be asked.

    Raises:
        ArgumentError: It cannot; the hint names the option that answers it.
    """
    reason = f"{ANSWERS.no_input_flag} is set" if ANSWERS.no_input else _missing_terminal()
    if reason is not None:
        raise ArgumentError(f"{question!r} needs an answer, but {reason}.", hint=f"Pass {flag}.")


def _missing_terminal() -> str | None:
    """Return which stream is no terminal, as the reason of an error."""
    if not terminal.is_terminal(sys.stdin):
        return "standard input is not a terminal"
    if not terminal.is_terminal(sys.stderr):
        return "standard error is not a terminal"
    return None


def _read_line(question: str) -> str:
    """Read a line without spaces at its ends. At the end of the input, or at Ctrl-C, the question ends."""
    terminal.note(question, end="")
    try:
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        terminal.note("")
        raise
    if not line:
        terminal.note("")
        raise KeyboardInterrupt
    return line.strip()


def _read_hidden(question: str) -> str:
    """Read a line that the terminal does not show."""
    from getpass import getpass

    try:
        return getpass(terminal.escape(question)).strip()
    except (KeyboardInterrupt, EOFError):
        terminal.note("")
        raise KeyboardInterrupt from None
