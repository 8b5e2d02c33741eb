"""Generate a text that a regular expression matches."""

from __future__ import annotations

import re
from re import _parser  # type: ignore[attr-defined]  # the standard library has no public parser
from typing import Any, Final

from budwood_offline.schemas.resolution import UnsatisfiableError

_CHARACTERS: Final = "aA0 -_.,:/" + "".join(map(chr, range(33, 127))) + "\u00e9\n"
_CATEGORIES: Final = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}


def sample_pattern(pattern: str, extra: int = 0) -> str:
    """
    Generate a text for a pattern. It may not match, since anchors and look-around are ignored.

    Args:
        pattern: A regular expression in the syntax of Python.
        extra: The number of repetitions beyond those that the pattern requires, if it allows more.

    Raises:
        UnsatisfiableError: The pattern is invalid, or matches no supported character.
    """
    try:
        return _sample_all(_parser.parse(pattern), extra)
    except (re.error, RecursionError, OverflowError, StopIteration) as error:
        raise UnsatisfiableError(f"the pattern {pattern!r} is not supported: {error}") from error


def _sample_all(nodes: Any, extra: int) -> str:  # noqa: ANN401 - the parser has no types
    return "".join(_sample(str(code), value, extra) for code, value in nodes)


def _sample(code: str, value: Any, extra: int) -> str:  # noqa: ANN401 - see above
    match code:
        case "LITERAL":
            return chr(value)
        case "ANY" | "NOT_LITERAL":
            return "a" if value != ord("a") else "b"
        case "IN":
            is_negated = str(value[0][0]) == "NEGATE"
            return next(letter for letter in _CHARACTERS if _is_in_class(letter, value) != is_negated)
        case "BRANCH":
            return _sample_all(value[1][0], extra)
        case "SUBPATTERN":
            return _sample_all(value[-1], extra)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, nodes = value
            return _sample_all(nodes, extra) * min(int(most), int(least) + extra)
        case _:
            return ""


def _is_in_class(letter: str, members: Any) -> bool:  # noqa: ANN401 - see above
    for code, value in members:
        if str(code) == "CATEGORY":
            found = re.match(_CATEGORIES[str(value).rpartition("_")[2]], letter)
            if (found is None) == ("_NOT_" in str(value)):
                return True
        elif str(code) != "NEGATE":
            low, high = (value, value) if isinstance(value, int) else value
            if low <= ord(letter) <= high:
                return True
    return False
