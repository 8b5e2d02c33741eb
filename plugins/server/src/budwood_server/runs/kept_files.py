"""
Files that belong to rows of the database, and are removed with them.

Before a row is written or deleted, a mark ``ID.unused`` is made next to its files. It tells that a process that was
killed meanwhile may have left files without a row. Files without a mark are never removed for want of a row: another
database may have it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ID: Final = re.compile(r"(?:run|doc)_[A-Za-z0-9]{1,60}")
_MARK: Final = ".unused"


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """
    A folder with the files of rows: a file or folder for each, which has the id as its name.

    Args:
        folder: The folder, which need not exist yet.
    """

    folder: Path

    def path(self, row_id: str) -> Path:
        """Return the file or folder of a row."""
        assert _ID.fullmatch(row_id), row_id  # noqa: S101 - ids come from the database; none leads out of the folder
        return self.folder / row_id

    def keep(self, part: Path, row_id: str) -> None:
        """Move a finished file or folder here, with a mark. Call `settle` once its row is committed."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.mark([row_id])
        part.rename(self.path(row_id))

    def settle(self, row_id: str) -> None:
        """Remove the mark of a row, if it exists."""
        self._mark_of(row_id).unlink(missing_ok=True)

    def mark(self, row_ids: Iterable[str]) -> None:
        """Mark files, before their rows are deleted."""
        if self.folder.is_dir():
            for each in row_ids:
                self._mark_of(each).touch(0o600)

    def remove(self, row_ids: Iterable[str]) -> None:
        """Remove files, if they exist, and their marks."""
        for each in row_ids:
            remove_tree(self.path(each))
            self.settle(each)

    def list_marked(self, before: float) -> Sequence[str]:
        """Return the ids that were marked before a moment in seconds since 1970."""
        return [
            mark.stem for mark in self.folder.glob(f"*{_MARK}") if _ID.fullmatch(mark.stem) and is_older(mark, before)
        ]

    def _mark_of(self, row_id: str) -> Path:
        return self.path(row_id).with_name(f"{row_id}{_MARK}")


def remove_tree(path: Path) -> None:
    """Remove a file or folder, if it exists."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_older(path: Path, before: float) -> bool:
    """Tell whether a file was changed last before a moment in seconds since 1970, or does not exist."""
    try:
        return path.lstat().st_mtime < before
    except FileNotFoundError:
        return True
