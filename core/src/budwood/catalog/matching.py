"""Find the row of a table that fits a name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

_SPECIAL: Final = re.compile(r"[*?[]")


def best_match(patterns: Iterable[str], name: str) -> str | None:
    """Return the pattern that is the name itself, or else the longest that fits it; None where none does."""
    fitting = [pattern for pattern in patterns if pattern == name or _fits(name, pattern)]
    return max(fitting, key=lambda pattern: (pattern == name, len(pattern)), default=None)


def _fits(name: str, pattern: str) -> bool:
    """Tell whether a pattern fits; its plain beginning is compared first, since `fnmatch` compiles every pattern."""
    return name.startswith(_SPECIAL.split(pattern, maxsplit=1)[0]) and fnmatchcase(name, pattern)
