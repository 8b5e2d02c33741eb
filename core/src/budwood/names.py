"""Compare names, and find those that are similar to a mistyped one."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SEPARATORS = re.compile(r"[-_.]+")


def normalise(name: str) -> str:
    """Normalise a name for comparison: lower case, with ``-`` for ``_`` and ``.``."""
    return _SEPARATORS.sub("-", name).lower()


def identify(instance: object) -> str:
    """Return a text that identifies the name of a plugin, or an object of this process while it exists."""
    return normalise(instance if isinstance(instance, str) else f"{type(instance).__name__}@{id(instance):x}")


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a sentence with the known names that are similar to this one, or None if there are none."""
    import difflib  # needed only after a mistake

    near = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(near)}?" if near else None


def join_names(names: Iterable[str]) -> str:
    """Join names in alphabetical order, or return ``none``."""
    return ", ".join(sorted(names)) or "none"
