"""Edit a settings file in the user's editor. What the user has written is never lost."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from budwood.errors import BudwoodError, ConfigurationError
from budwood_cli import terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.questions import ANSWERS, confirm, is_interactive
from budwood_cli.setting_problems import Problem, find_text_problems
from budwood_cli.settings_files import decode, read_bytes, replace_settings

_NEW: Final = "# Settings of Budwood. `budwood config show --origin` lists all keys.\n"


class _Draft:
    """
    A copy of a file in a private folder, which stays there unless it is stored or kept elsewhere.

    Args:
        path: The settings file.
        data: Its content.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.before = data
        self._folder = Path(tempfile.mkdtemp(prefix="budwood-edit-"))
        self.file = self._folder / path.name
        self.file.write_bytes(data)

    def read(self) -> bytes:
        """Return what the user has written."""
        return self.file.read_bytes()

    def remove(self) -> None:
        """Remove the copy."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def keep(self) -> Path:
        """Move the copy to a new file beside the settings, and return its path; where that fails, it stays."""
        with suppress(OSError):
            handle, name = tempfile.mkstemp(prefix=f"{self.path.name}.edited-", dir=self.path.resolve().parent)
            kept = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(self.read())
            except OSError:
                kept.unlink()
                raise
            self.remove()
            return kept
        return self.file


def edit_file(path: Path) -> Path | None:
    """
    Open a copy of a settings file in the editor, and replace the file by it if it is valid.

    Returns:
        The path of the former file; None if nothing changed, or there was none.

    Raises:
        ArgumentError: There is no editor.
        ConfigurationError: The settings are not valid, or another program changed the file. The text is kept, and the
            error says where.
    """
    if ANSWERS.no_input:
        raise ArgumentError("`budwood config edit` needs a person.", hint="Use `budwood config set KEY VALUE`.")
    command = find_editor()
    before = read_bytes(path)
    draft = _Draft(path, before if before is not None else _NEW.encode())
    try:
        _edit_until_valid(command, draft)
        if draft.read() == draft.before:
            draft.remove()
            return None
        backup = replace_settings(path, draft.read(), before)
    except (Exception, KeyboardInterrupt) as error:
        _keep(draft, error)
        raise
    draft.remove()
    return backup


def find_editor() -> list[str]:
    """
    Return the command of the user's editor.

    Raises:
        ArgumentError: There is none.
    """
    chosen = os.environ.get("VISUAL", "").strip() or os.environ.get("EDITOR", "").strip()
    if chosen:
        command = [chosen] if sys.platform == "win32" and Path(chosen).exists() else shlex.split(chosen)
    else:
        usual = ("notepad",) if sys.platform == "win32" else ("sensible-editor", "nano", "vi")
        command = [name for name in usual if shutil.which(name)][:1]
    if not command or shutil.which(command[0]) is None:
        problem = f"The editor {command[0]!r} was not found." if command else "There is no editor."
        raise ArgumentError(problem, hint="Set VISUAL or EDITOR to the command of your editor.")
    return command


def _edit_until_valid(command: list[str], draft: _Draft) -> None:
    """
    Run the editor until the text has no new mistakes, or the user stops.

    Raises:
        ConfigurationError: The text has mistakes.
    """
    known = {(problem.key, problem.message) for problem in _find_problems(draft.before, draft.path)}
    while True:
        if subprocess.run([*command, str(draft.file)], check=False).returncode:  # noqa: S603 - the user's own editor
            raise ConfigurationError(f"The editor {command[0]!r} failed.", hint="The settings are as before.")
        problems = _find_problems(draft.read(), draft.path)
        new = [each for each in problems if not each.is_warning and (each.key, each.message) not in known]
        if draft.read() == draft.before or not new:
            return
        for problem in new:
            terminal.note(f"error: {problem}")
        if not is_interactive() or not confirm("Edit again?", flag="a valid text", default=True):
            raise ConfigurationError("The settings are not valid, so the file was not changed.")


def _find_problems(data: bytes, path: Path) -> list[Problem]:
    name = terminal.short_path(path)
    try:
        return find_text_problems(decode(data, path), name)
    except BudwoodError as error:
        return [Problem(name, None, "", error.message)]


def _keep(draft: _Draft, error: BaseException) -> None:
    """Keep the text if the user changed it, and say in the error where."""
    if draft.read() == draft.before:
        draft.remove()
        return
    kept = f"your text is in {terminal.short_path(draft.keep())}"
    if isinstance(error, BudwoodError):
        error.hint = f"{error.hint} {kept[0].upper()}{kept[1:]}." if error.hint else f"{kept[0].upper()}{kept[1:]}."
    else:
        terminal.note(f"note: {kept}")
