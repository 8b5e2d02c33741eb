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
