"""Patterns of files and folders that are not documents."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from functools import cache
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
        self._compile = cache(_compile)
        self.unused = tuple(self._patterns)

    def __contains__(self, path: Path) -> bool:
        """Return whether a path is excluded."""
        parts = self._split(path) if self._patterns else ()
        matched = {pattern for pattern, split in self._patterns.items() if self._matches(parts, split)}
        if matched:
            self.unused = tuple(pattern for pattern in self.unused if pattern not in matched)
        return bool(matched)

    def _split(self, path: Path) -> tuple[str, ...]:
        try:
            return PurePath(os.path.relpath(path, self._root)).parts
        except ValueError:  # on Windows, if they are on different drives
            return path.parts

    def _matches(self, parts: Sequence[str], pattern: Sequence[str]) -> bool:
        """Tell whether a path or one of its folders matches."""
        starts = {0}  # where the rest of the path may begin, after the parts of the pattern so far
        for part in pattern:
            if part == "**":
                starts = set(range(min(starts), len(parts)))
            else:
                matches = self._compile(part)
                starts = {start + 1 for start in starts if start < len(parts) and matches(parts[start])}
            if not starts:
                return False
        return True


def _compile(part: str) -> Callable[[str], object]:
    """Return what matches one part of a path. `fnmatchcase` would compile it again and again if there are many."""
    return re.compile(translate(part)).match
