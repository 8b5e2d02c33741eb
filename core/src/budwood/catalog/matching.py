"""Find the pattern that matches a name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

_SPECIAL: Final = re.compile(r"[*?[]")


def best_match(patterns: Iterable[str], name: str) -> str | None:
    """Return the pattern that equals the name, or the longest one that matches it; None if none matches."""
    return max(_filter(patterns, name), key=lambda pattern: (pattern == name, len(pattern)), default=None)


def list_matches(patterns: Iterable[str], name: str) -> list[str]:
    """List the patterns that match the name; the best match comes last."""
    return sorted(_filter(patterns, name), key=lambda pattern: (pattern == name, len(pattern)))


def _filter(patterns: Iterable[str], name: str) -> list[str]:
    return [pattern for pattern in patterns if pattern == name or _matches(name, pattern)]


def _matches(name: str, pattern: str) -> bool:
    """Tell whether a pattern matches. Its literal prefix is compared first, since `fnmatch` compiles every pattern."""
    return name.startswith(_SPECIAL.split(pattern, maxsplit=1)[0]) and fnmatchcase(name, pattern)
