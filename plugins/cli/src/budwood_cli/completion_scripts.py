"""
``budwood --install-completion``, ``--show-completion`` and ``--complete``, which the scripts of shells call.

``budwood --complete SHELL WORD...`` prints what can replace the last word, one candidate a line, with its description.
The line ``:files`` means names of files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from budwood_cli import terminal
from budwood_cli.completion_values import Values
from budwood_cli.errors import ArgumentError

SHELLS: Final = ("bash", "fish", "zsh")
_FILES: Final = ":files"
_MAX_HELP: Final = 60


def run(option: str, arguments: Sequence[str]) -> None:
    """Run one of the options."""
    if option == "--complete":
        _print_candidates(arguments)
        return
    if len(arguments) > 1:
        raise ArgumentError(f"{option} takes one shell.", hint=f"The shells are {', '.join(SHELLS)}.")
    shell = arguments[0] if arguments else _detect_shell(option)
    if shell not in SHELLS:
        raise ArgumentError(
            f"No completion for {shell!r}.", hint=f"Name one of {', '.join(SHELLS)}: `budwood {option} bash`."
        )
    if option == "--show-completion":
        terminal.write(_read_script(shell))
    else:
        _install(shell)


def _read_script(shell: str) -> str:
    return (files("budwood_cli") / "shells" / f"budwood.{shell}").read_text("utf-8")


def _detect_shell(option: str) -> str:
    """
    Return the name of the shell that runs the command.

    Raises:
        ArgumentError: None does.
    """
    import shellingham

    try:
        return str(shellingham.detect_shell()[0])
    except shellingham.ShellDetectionFailure:
        raise ArgumentError(
            "No shell runs this command.", hint=f"Name one of {', '.join(SHELLS)}: `budwood {option} bash`."
        ) from None


def _print_candidates(arguments: Sequence[str]) -> None:
    """Print candidates. An error prints none, because the user is typing."""
    from budwood_cli.completion import complete

    shell, breaks, words = arguments[0], "", list(arguments[1:])
    if shell == "bash":
        breaks, line = words
        words = _split(line)
    *before, incomplete = words or [""]
    try:
        values = complete(before, incomplete)
    except Exception:  # noqa: BLE001 - a command that cannot be loaded, or settings that are not valid
        return
    terminal.write("".join(f"{line}\n" for line in _format(values, shell, _skipped(incomplete, breaks))))


def _format(values: Values, shell: str, skipped: int) -> Iterator[str]:
    for value, text in values.candidates:
        if any(character.isspace() for character in value):
            continue
        help_text = " ".join(text.split())[:_MAX_HELP]
        if shell == "bash":
            yield value[skipped:]
        elif shell == "zsh":
            escaped = value.replace(":", r"\:")
            yield f"{escaped}:{help_text}" if help_text else escaped
        else:
            yield f"{value}\t{help_text}" if help_text else value
    if values.are_files:
        yield _FILES


def _skipped(incomplete: str, breaks: str) -> int:
    """Return the length of the part that bash does not replace: it splits words also at colons and equals signs."""
    return max((incomplete.rfind(character) for character in ":=" if character in breaks), default=-1) + 1


def _split(line: str) -> list[str]:
    """Split a command line for bash as far as it is typed, without its first word; the last word may be empty."""
    found = re.findall(r"""((?:"(?:\\.|[^"\\])*"?|'[^']*'?|\\.|[^\s"'\\])+)|(\s+)$""", line)
    words = [re.sub(r"""\\(.)|["']""", r"\1", word) for word, _ in found]
    return words[1:]


def _install(shell: str) -> None:
    """Write the script to where the shell finds it."""
    path, start, command = _places(shell)
    _write(path, _read_script(shell))
    terminal.write(f"{path}\n")
    if start is None:
        terminal.note(f"Completion works in a new {shell}.")
        return
    text = start.read_text("utf-8") if start.exists() else ""
    if command not in text.splitlines():
        _write(start, text + ("\n" if text and not text.endswith("\n") else "") + f"{command}\n")
    terminal.note(f"{start} loads it. Completion works in a new {shell}.")


def _places(shell: str) -> tuple[Path, Path | None, str]:
    """Return the path of the script, and the file that has to load it, with the line that does."""
    import os
    import shlex

    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    if shell == "fish":
        return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "fish/completions/budwood.fish", None, ""
    if shell == "bash":
        path, start = data / "bash-completion/completions/budwood", home / ".bashrc"
    else:
        path, start = data / "budwood/completion.zsh", Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"
    return path, start, f"source {shlex.quote(str(path))}"


def _write(path: Path, text: str) -> None:
    from budwood.providing import write_file_atomically

    path = path.resolve()  # a link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file_atomically(path, text.encode())
