"""Hide API keys that were typed in a wrong place, such as after an option that takes a name."""

from __future__ import annotations

import re
from typing import Final

_PREFIXED: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:sk|rk|pk)-[\w.-]{6,}|(?:gsk|hf|r8|tgp|nvapi|pplx|xai|csk)[-_](?=[\w-]*\d)[\w-]{10,}"
    r"|AIza[\w-]{10,}|AQ\.[\w-]{10,}|(?:AKIA|ABSK)[A-Za-z0-9+/=]{12,})",
    re.IGNORECASE,
)
"""Keys of vendors whose keys have a prefix. Names of options and providers may be in lower case by now."""

_RANDOM: Final = re.compile(r"(?<![\w-])(?=[A-Za-z0-9]*\d)(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{32,}(?![\w-])")
"""Keys of other vendors: long words of letters and digits."""


def hide_keys(text: str, *, also_random: bool = False) -> str:
    """
    Return a text without what looks like an API key.

    Args:
        text: A message, which may quote an argument.
        also_random: Whether long words of letters and digits count too, which may be other names.
    """
    text = _PREFIXED.sub("…", text)
    return _RANDOM.sub("…", text) if also_random else text


def is_key(text: str) -> bool:
    """Tell whether a text as a whole looks like a key of a vendor whose keys have a prefix."""
    return _PREFIXED.fullmatch(text) is not None
