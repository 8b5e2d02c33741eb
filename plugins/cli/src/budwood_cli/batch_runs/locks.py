"""Open a file that only one command may write."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from budwood_cli.errors import ArgumentError


@contextmanager
def open_locked(path: Path) -> Iterator[FileIO]:
    """
    Open a file without a buffer, which is created if it does not exist, and lock it.

    After the block it is closed, and removed if it is empty.

    Raises:
        ArgumentError: Another command has locked it.
        OSError: It cannot be opened.
    """
    while True:
        with FileIO(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+") as file:
            if not _lock(file):
                raise ArgumentError(
                    f"Another command writes to {path}.", hint="Wait until it has ended, or pass another output."
                )
            if not _is_same(file, path):  # the other command has removed the file when it ended
                continue
            try:
                yield file
            finally:
                _remove_if_empty(file, path)
            return


def _remove_if_empty(file: FileIO, path: Path) -> None:
    if os.fstat(file.fileno()).st_size:
        return
    if sys.platform == "win32":
        file.close()
    with contextlib.suppress(OSError):  # on Windows, if another command has opened it
        path.unlink()


def _is_same(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":

    def _lock(file: FileIO) -> bool:
        import msvcrt

        file.seek(2**40)  # a byte that is never written, since a locked one cannot be read
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _lock(file: FileIO) -> bool:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
