"""Write files atomically: a reader sees the old content or the new content, never a part of it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replace_file(path: Path, part: Path) -> Iterator[None]:
    """
    Replace a file by one that the block writes, once that is on disk.

    Args:
        path: The file to replace. If it exists, its permissions are preserved.
        part: The temporary file that the block writes, in the same folder. It is removed if anything fails.

    Raises:
        OSError: The file cannot be replaced; the old file is unchanged. Devices and pipes never are: replacing
            ``/dev/null`` would break the machine.
    """
    _check_replaceable(path)
    try:
        yield
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        if path.exists():
            _check_replaceable(path)  # it may have been created meanwhile
            part.chmod(stat.S_IMODE(path.stat().st_mode))
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _check_replaceable(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def write_file_atomically(path: Path, content: str | bytes | Iterable[str]) -> None:
    """
    Write a file atomically. Each call uses its own temporary file, so that several programs may write at once.

    Args:
        path: The file.
        content: Bytes, a text, or parts of a text, which need not fit into memory together.

    Raises:
        OSError: The file cannot be written; the old file is unchanged.
    """
    import tempfile  # imported here because few programs write files

    _check_replaceable(path)
    try:
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:  # it names the temporary file
        raise OSError(error.errno, error.strerror, str(path)) from None
    parts = (content,) if isinstance(content, str | bytes) else content
    with replace_file(path, Path(part)), os.fdopen(handle, "wb") as file:
        file.writelines(each.encode() if isinstance(each, str) else each for each in parts)


@contextlib.contextmanager
def open_output(path: Path) -> Iterator[BinaryIO]:
    """
    Open a file that a user has named for its result. It is replaced once the block ends without an error.

    A new file has the permissions that the process gives to its files. A path that is not a regular file, such as a
    pipe, is written directly.

    Raises:
        OSError: The file cannot be written; the old file is unchanged.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        with path.open("wb", buffering=0) as direct:
            yield direct
        return
    part = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    try:
        file = part.open("xb")
    except OSError as error:  # it names the temporary file
        raise OSError(error.errno, error.strerror, str(path)) from None
    with replace_file(path, part), file:
        yield file
