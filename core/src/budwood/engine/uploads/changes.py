"""Files that change between the requests of an upload: each request is checked by its transport."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from budwood.errors import PromptError
from budwood.types import FileUpload


def watch(upload: FileUpload) -> Callable[[], None] | None:
    """Return a function that checks that a file has not changed since its first call; None for content in memory."""
    return None if upload.path is None else partial(_check, upload.path, list[tuple[int, int]]())


def _check(path: Path, seen: list[tuple[int, int]]) -> None:
    """
    Compare the size and the time of a file with those that were seen first.

    Raises:
        PromptError: They differ, or the file cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise PromptError(f"Cannot read {path}: {error.strerror or error}.", hint="Check the path.") from error
    seen.append((status.st_size, status.st_mtime_ns))
    if seen[-1] != seen[0]:
        raise PromptError(
            f"{path} changed while it was sent: it had {seen[0][0]:,} bytes, and now has {status.st_size:,}. "
            "The upload was not completed.",
            hint="Send the file when no program writes to it.",
        )
