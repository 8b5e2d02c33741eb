"""Find the row of a table that fits a name."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def best_match(patterns: Iterable[str], name: str) -> str | None:
    """Return the pattern that is the name itself, or else the longest that fits it; None where none does."""
    fitting = [pattern for pattern in patterns if pattern == name or fnmatchcase(name, pattern)]
    return max(fitting, key=lambda pattern: (pattern == name, len(pattern)), default=None)
