"""The folder of a run: its journal, and the lock that keeps a second process out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from budwood.errors import ConfigurationError
from budwood_generation.errors import JournalError, OtherRunError, RunBusyError
from budwood_generation.journal import Header, Journal, SQLiteJournal, read_counts, read_header
from budwood_generation.plan import UNDECISIVE

ENDING: Final = ".run"
JOURNAL: Final = "journal.sqlite"
LOCK: Final = "lock"
LOOKING: Final = 1.0
"""Seconds after which a lock is held by work, and not by someone who only looks whether it is free."""


@contextlib.contextmanager
def opened(folder: Path, output: Path, header: Header) -> Iterator[Journal]:
    """
    Open the journal of a run, and keep other processes out. A run that never finished a call gives way to another.

    Raises:
        OtherRunError: The output belongs to another run, or to none.
        RunBusyError: Another process is at work on it.
        JournalError: The journal cannot be used.
        ConfigurationError: The folder cannot be made.
    """
    path = folder / JOURNAL
    if output.exists() and not path.exists():
        raise OtherRunError(
            f"The output {output.name} exists, and no run made it.",
            hint="Choose another output, or move the file away.",
        )
    _make(folder)
    with _locked(folder):
        if path.exists():
            _check(path, output, header)
        with contextlib.closing(SQLiteJournal(path, header)) as journal:
            yield journal


def run_folder_at(path: Path) -> Path:
    """
    Find the folder of a run by its own path or by that of its output.

    Raises:
        ConfigurationError: There is no run.
    """
    for folder in (path, path.with_name(f"{path.name}{ENDING}")):
        if (folder / JOURNAL).is_file():
            return folder.absolute()
    raise ConfigurationError(
        f"There is no run at {str(path)!r}.", hint="`budwood runs list FOLDER` shows the runs of a folder."
    )


def in_use(folder: Path) -> bool:
    """Tell whether a process is at work on the run. Where no process ever was, no lock is made."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {str(folder)!r} cannot be made: {error.strerror}.", hint="Choose another output."
        ) from error


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / LOCK, timeout=LOOKING)
    try:
        lock.acquire()
    except Timeout:
        raise RunBusyError(
            f"Another process is at work on {folder.name}.", hint="Wait for it, or end it; its work is kept."
        ) from None
    except OSError as error:
        raise JournalError(
            f"{folder.name} cannot be locked: {error}.", hint="See that the folder can be written."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _check(path: Path, output: Path, header: Header) -> None:
    found = read_header(path)
    if found.fingerprint == header.fingerprint:
        return
    if not read_counts(path).calls and not output.exists():
        path.unlink()
        return
    raise OtherRunError(
        f"The output {output.name} belongs to another run: {_difference(found, header)}.",
        hint=f"Choose another output, or delete {path.parent.name} and {output.name} to begin anew.",
    )


def _difference(found: Header, wanted: Header) -> str:
    if found.documents != wanted.documents:
        names = sorted(
            name
            for name in found.documents.keys() | wanted.documents.keys()
            if found.documents.get(name) != wanted.documents.get(name)
        )
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"its documents were other ones ({', '.join(names[:3])}{more})"
    keys = sorted(
        key
        for key in (found.spec.keys() | wanted.spec.keys()) - UNDECISIVE
        if found.spec.get(key) != wanted.spec.get(key)
    )
    if keys:
        return f"its specification differs in {', '.join(keys)}"
    plugins = "its strategy or its modifiers had other settings"
    return plugins if found.plugins != wanted.plugins else "it was made by another version"
