"""The folder of a run: its journal, and the lock that excludes other processes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from budwood.errors import ConfigurationError
from budwood_generation.errors import JournalError, OtherRunError, RunBusyError
from budwood_generation.files import check_path
from budwood_generation.journal import Header, Journal, SQLiteJournal, read_counts, read_header
from budwood_generation.outputs import SUFFIX, is_url, output_label, run_folder, strip_credentials
from budwood_generation.plan import IDENTITY_EXCLUDES

JOURNAL: Final = "journal.sqlite"
LOCK: Final = "lock"
LOCK_TIMEOUT: Final = 1.0
"""Seconds to wait for the lock. A process that only checks whether it is free holds it for less time."""


@contextlib.contextmanager
def open_journal(folder: Path, output: Path | str, header: Header) -> Iterator[Journal]:
    """
    Lock a run and open its journal. The journal of another run is replaced if it has no finished call.

    Raises:
        OtherRunError: The output belongs to another run, or to none.
        RunBusyError: Another process is running it.
        JournalError: The journal cannot be used.
        ConfigurationError: The folder cannot be created.
    """
    path = folder / JOURNAL
    if isinstance(output, Path) and output.exists() and not path.exists():
        raise OtherRunError(
            f"The output {output.name} exists, and was not created by a run.",
            hint="Choose another output, or move the file.",
        )
    _create_folder(folder)
    with _lock(folder):
        if path.exists():
            _check_header(path, output, header)
        with contextlib.closing(SQLiteJournal(path, header)) as journal:
            yield journal


def find_run_folder(source: str | Path) -> Path:
    """
    Find the folder of a run from the path of the folder, or from the output: a path, or a URL.

    The run of a URL is in the current folder. Its credentials do not matter.

    Raises:
        ConfigurationError: There is no run.
    """
    if isinstance(source, str) and is_url(source):
        folder = run_folder(source, Path.cwd())
        if (folder / JOURNAL).is_file():
            return folder
        raise ConfigurationError(
            f"The current folder has no run of {strip_credentials(source)}.",
            hint=f"Change to the folder of the specification, or give the run folder: {folder.name}.",
        )
    path = check_path(source)
    for folder in (path, path.with_name(f"{path.name}{SUFFIX}")):
        if (folder / JOURNAL).is_file():
            return folder.absolute()
    raise ConfigurationError(
        f"There is no run at {str(path)!r}.", hint="`budwood runs list FOLDER` lists the runs in a folder."
    )


def is_running(folder: Path) -> bool:
    """Tell whether a process is running the run. No lock file is created."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot create the folder {str(folder)!r}: {error.strerror}.", hint="Choose another output."
        ) from error


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / LOCK, timeout=LOCK_TIMEOUT)
    try:
        lock.acquire()
    except Timeout:
        raise RunBusyError(
            f"Another process is running {folder.name}.",
            hint="Wait until it ends, or stop it: its finished work is saved.",
        ) from None
    except OSError as error:
        raise JournalError(f"Cannot lock {folder.name}: {error}.", hint="Make the folder writable.") from error
    try:
        yield
    finally:
        lock.release()


def _check_header(path: Path, output: Path | str, header: Header) -> None:
    saved = read_header(path)
    if saved.fingerprint == header.fingerprint:
        return
    if not read_counts(path).calls and not (isinstance(output, Path) and output.exists()):
        path.unlink()
        return
    raise OtherRunError(
        f"The output {output_label(output)} belongs to another run: {_difference(saved, header)}.",
        hint=f"Choose another output. The finished work of the other run is in {path.parent.name}.",
    )


def _difference(saved: Header, new: Header) -> str:
    if saved.documents != new.documents:
        names = sorted(
            name
            for name in saved.documents.keys() | new.documents.keys()
            if saved.documents.get(name) != new.documents.get(name)
        )
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"the documents differ ({', '.join(names[:3])}{more})"
    keys = sorted(
        key
        for key in (saved.spec.keys() | new.spec.keys()) - IDENTITY_EXCLUDES
        if saved.spec.get(key) != new.spec.get(key)
    )
    if keys:
        return f"the specification differs in {', '.join(keys)}"
    plugins = "the strategy or modifiers have other settings"
    return plugins if saved.plugins != new.plugins else "another version created it"
