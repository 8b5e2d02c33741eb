"""Write files atomically: a reader sees the old content or the new content, never a part of it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replace_file(path: Path, part: Path) -> Iterator[None]:
    """
    Replace a file by one that the block writes, once that is on disk.

    Args:
        path: The file to replace. If it exists, its permissions are preserved.
        part: The temporary file that the block writes, in the same folder. It is removed if anything fails.

    Raises:
        OSError: The file cannot be replaced; the old file is unchanged.
    """
    try:
        yield
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        if path.exists():
            part.chmod(stat.S_IMODE(path.stat().st_mode))
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def write_file_atomically(path: Path, text: str) -> None:
    """
    Write a text file atomically. Each call uses its own temporary file, so that several programs may write at once.

    Raises:
        OSError: The file cannot be written; the old file is unchanged.
    """
    import tempfile  # imported here because few programs write files

    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with replace_file(path, Path(part)), os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
