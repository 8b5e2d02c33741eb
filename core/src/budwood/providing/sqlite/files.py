"""Create a file with access for its owner only, and rename damaged files."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from budwood.errors import ConfigurationError
from budwood.providing.sqlite.errors import to_os_error

BUSY_SECONDS: Final = 5.0
"""Seconds that a statement waits for another process to finish writing."""

FileIdentity = tuple[int, int]
"""Device and inode, to check whether a path still refers to the same file."""

_creating = threading.Lock()


def absolute_path(path: Path, setting: str) -> Path:
    """
    Return the absolute path of a file in the settings, in which ``~`` is the home directory.

    Raises:
        ConfigurationError: The home directory is not known, or the path contains a null character.
    """
    if "\0" in str(path):
        raise ConfigurationError(f"{setting} contains a null character.", hint="Remove it.")
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        message = f"{setting}: the home directory of {path.parts[0]} is not known."
        raise ConfigurationError(message, hint="Write an absolute path.") from None


def file_identity(path: Path) -> FileIdentity | None:
    """Return the identity of the file at a path, or None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def check_not_a_folder(path: Path, *, setting: str, file_name: str) -> None:
    """
    Check the path of a file in the settings. It need not exist.

    Args:
        path: The path.
        setting: What sets it, for the error, such as ``[caches.sqlite] path``.
        file_name: A name for the file, for the hint.

    Raises:
        ConfigurationError: The path is a folder.
    """
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return  # reported on first use: the file may exist by then
    if is_folder:
        raise ConfigurationError(
            f"{setting}: {path} is a folder.", hint=f"Set it to a file, such as {path / file_name}."
        )


def create(path: Path) -> None:
    """
    Create the file, unless it exists, with access for its owner only. SQLite gives its other files the same mode.

    Only one thread at a time, because closing a file releases all locks of this process on it (POSIX `fcntl`).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _creating, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def move_damaged_file(path: Path, damaged: FileIdentity | None) -> Path | None:
    """
    Rename the damaged file to ``….corrupt``, replacing an older one.

    Returns:
        The new path, or None if another process has already replaced the file.

    Raises:
        OSError: The file cannot be renamed.
    """
    target = _beside(path, ".corrupt")
    lock = _beside(path, ".lock")
    create(lock)
    try:
        with closing(sqlite3.connect(lock, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute(
                "BEGIN EXCLUSIVE"
            )  # a lock between processes that works on all systems and is released by a crash
            if damaged is None or file_identity(path) != damaged:
                return None
            # The write-ahead log first: SQLite removes an old log of an empty file, but not of another one.
            with suppress(FileNotFoundError):
                _beside(path, "-wal").replace(_beside(target, "-wal"))
            _beside(path, "-shm").unlink(missing_ok=True)
            path.replace(target)
    except sqlite3.Error as error:
        raise to_os_error(error, lock, "lock of a damaged file") from error
    return target


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
