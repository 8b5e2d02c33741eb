"""Write a file in one step: a reader sees the old one or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path, part: Path) -> Iterator[None]:
    """
    Put a file that the block writes in the place of another, once it is on the disk.

    Args:
        path: The file that is replaced. Where it exists, its permissions stay.
        part: What the block writes, in the same folder. It is removed where anything fails.

    Raises:
        OSError: It cannot be done; then the old file is as it was.
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


def write_whole(path: Path, text: str) -> None:
    """
    Write a file in one step. Several programs may write it at once, so that each has a part of its own.

    Raises:
        OSError: It cannot be written; then the old file is as it was.
    """
    import tempfile  # not above: few programs write files

    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with replacing(path, Path(part)), os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
