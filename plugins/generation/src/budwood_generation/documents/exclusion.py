"""Patterns of files and folders that are not documents."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath


class Exclusion:
    """
    Contains the paths that match a pattern, and all paths in a folder that does. Symbolic links are not resolved.

    Args:
        patterns: Paths relative to the folder. Their parts can contain ``*``, ``?`` and ``[...]``, which match hidden
            files too; the part ``**`` matches any number of folders.
        root: The folder.

    Attributes:
        unused: The patterns that no path has matched so far.
    """

    def __init__(self, patterns: Sequence[str], root: Path) -> None:
        self._root = root
        self._patterns = {pattern: self._split(root / pattern) for pattern in patterns}
        self.unused = tuple(self._patterns)

    def __contains__(self, path: Path) -> bool:
        """Return whether a path is excluded."""
        parts = self._split(path) if self._patterns else ()
        matched = {pattern for pattern, split in self._patterns.items() if _matches(parts, split)}
        if matched:
            self.unused = tuple(pattern for pattern in self.unused if pattern not in matched)
        return bool(matched)

    def _split(self, path: Path) -> tuple[str, ...]:
        try:
            return PurePath(os.path.relpath(path, self._root)).parts
        except ValueError:  # on Windows, if they are on different drives
            return path.parts


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return True
    if pattern[0] == "**":
        rest = pattern[1:]
        return any(_matches(parts[start:], rest) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
