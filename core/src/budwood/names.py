"""How names compare, and which names are near to a mistyped one."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SEPARATORS = re.compile(r"[-_.]+")


def normalise(name: str) -> str:
    """Bring a name into the form in which names are compared: lower case, with ``-`` for ``_`` and ``.``."""
    return _SEPARATORS.sub("-", name).lower()


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Say which known names are near to this one, as a sentence, or None where none is."""
    import difflib  # only mistakes need it

    near = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(near)}?" if near else None


def listed(names: Iterable[str]) -> str:
    """Write names one after the other, or ``none``."""
    return ", ".join(sorted(names)) or "none"
