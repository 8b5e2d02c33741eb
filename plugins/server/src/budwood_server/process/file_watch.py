"""Notice changes of files, also if they are replaced by others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

POLL_SECONDS: Final = 1.0
"""Seconds between two looks at the files."""

_Mark = tuple[int, int, int] | None


async def watch_files(
    files: Sequence[Path], changed: Callable[[], Awaitable[None]], *, interval: float = POLL_SECONDS
) -> None:
    """
    Await a function after each change of a file: new content, another file in its place, or none.

    A file that is still being written is waited for: the function is awaited once two polls see the same.

    Args:
        files: The files, whether they exist or not.
        changed: The function.
        interval: Seconds between two polls.
    """
    reported = seen = [_mark(file) for file in files]
    while True:
        await asyncio.sleep(interval)
        now = [_mark(file) for file in files]
        if now == seen and now != reported:
            reported = now
            await changed()
        seen = now


def _mark(file: Path) -> _Mark:
    """Return what differs between two states of a file: its time, its number and its size."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
