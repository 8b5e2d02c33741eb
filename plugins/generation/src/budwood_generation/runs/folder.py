"""The folder of a run: its journal, and the lock that excludes other processes."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from budwood.errors import ConfigurationError
from budwood_generation.errors import DamagedJournalError, JournalError, OtherRunError, RunBusyError
from budwood_generation.files import check_path, create_folder
from budwood_generation.identity import describe_differences
from budwood_generation.journal import (
    JOURNAL,
    Header,
    Journal,
    SQLiteJournal,
    Stage,
    read_header,
    read_run_file,
    read_stages,
    read_totals,
    repair_journal,
    write_run_file,
)
from budwood_generation.outputs import SUFFIX, is_url, output_label, run_folder, strip_credentials

LOCK: Final = "lock"
LOCK_TIMEOUT: Final = 1.0
"""Seconds to wait for the lock. A process that only checks whether it is free holds it for less time."""


@contextlib.contextmanager
def open_journal(folder: Path, output: Path | str, header: Header, stages: tuple[Stage, ...]) -> Iterator[Journal]:
    """
    Lock a run and open its journal. The journal of another run is replaced if it has no finished call.

    Raises:
        OtherRunError: The output belongs to another run, or to none.
        RunBusyError: Another process is running it.
        JournalError: The journal cannot be used.
        ConfigurationError: The folder cannot be created.
    """
    path = folder / JOURNAL
    _check_output(path, output)
    create_folder(folder)
    with lock_run(folder):
        _repair(folder)
        run = _check_run(path, output, header, stages)
        if run is None:
            path.unlink(missing_ok=True)
            run = secrets.token_hex(16)
        with contextlib.closing(SQLiteJournal(path, replace(header, run=run), stages)) as journal:
            write_run_file(folder, journal.header, journal.stages)
            yield journal


def count_saved_rows(folder: Path, output: Path | str, header: Header, stages: tuple[Stage, ...]) -> int:
    """
    Return the number of finished rows that `open_journal` would find. Nothing is changed.

    Raises:
        OtherRunError: The output belongs to another run, or to none.
        JournalError: The journal cannot be read.
    """
    path = folder / JOURNAL
    _check_output(path, output)
    return 0 if _check_run(path, output, header, stages) is None else read_totals(path).rows


def read_saved_header(folder: Path) -> Header:
    """
    Read the header of a run, also if its journal is damaged.

    Raises:
        RunBusyError: The journal is damaged, and another process is running it.
        JournalError: The journal cannot be read or repaired.
    """
    try:
        return read_header(folder / JOURNAL)
    except DamagedJournalError:
        if saved := read_run_file(folder):
            return saved[0]
    with lock_run(folder):
        _repair(folder)
    return read_header(folder / JOURNAL)


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
    path = check_path(source).absolute()
    if path.name in ("", ".."):
        path = path.resolve()
    parent = path.parent.resolve()  # not the folder itself, which may be a symbolic link
    for folder in (parent / path.name, parent / f"{path.name}{SUFFIX}"):
        if (folder / JOURNAL).is_file():
            return folder
    raise ConfigurationError(
        f"There is no run at {str(source)!r}.", hint="`budwood runs list FOLDER` lists the runs in a folder."
    )


def _repair(folder: Path) -> None:
    header, stages = read_run_file(folder) or (None, ())
    repair_journal(folder / JOURNAL, [header, *stages] if header else [])


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


@contextlib.contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """
    Lock a run.

    Raises:
        RunBusyError: Another process is running it.
        JournalError: The folder cannot be locked.
    """
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


def _check_output(path: Path, output: Path | str) -> None:
    if isinstance(output, Path) and output.exists() and not path.exists():
        raise OtherRunError(
            f"The output {output.name} exists, and there is no run that it belongs to ({path.parent.name}).",
            hint="Choose another output, or move or delete the file.",
        )


def _check_run(path: Path, output: Path | str, header: Header, stages: tuple[Stage, ...]) -> str | None:
    """Return the id of the saved run, or None if there is none, or only another run without finished calls."""
    if not path.exists():
        return None
    saved = read_header(path)
    differences = _find_differences(saved, header, read_stages(path), stages)
    if not differences:
        return saved.run
    if not read_totals(path).calls and not (isinstance(output, Path) and output.exists()):
        return None
    raise OtherRunError(
        f"The output {output_label(output)} belongs to another run, which differs in: {', '.join(differences)}.",
        hint=f"Undo these changes, or choose another output. The finished work is in {path.parent.name}.",
    )


def _find_differences(old: Header, new: Header, saved: tuple[Stage, ...], stages: tuple[Stage, ...]) -> list[str]:
    """Return the differences between two runs, each with its key."""
    differences = [
        describe_differences(old.identity, new.identity),
        _compare_documents(saved[-1].documents, stages[-1].documents),
        "" if saved[-1].end <= stages[-1].end else f"rows ({saved[-1].end} → {stages[-1].end})",
    ]
    found = [difference for difference in differences if difference]
    if not found and saved != stages[: len(saved)]:
        has_other_passages = any(one.passages != other.passages for one, other in zip(saved, stages, strict=False))
        what = "passages of documents" if has_other_passages else "cells"
        found.append(f"the {what}, which this version of Budwood or of a plugin or library computes in another way")
    return found


def _compare_documents(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Return the names of documents that were changed or removed. Others may be added."""
    names = [f"{name} {'changed' if name in new else 'removed'}" for name in old if old[name] != new.get(name)]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"documents ({', '.join(names[:3])}{more})" if names else ""
