"""Decide which words keep their capital in the middle of a question."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from budwood_offline.words import STOP_WORDS, VERBS

_WORD: Final = re.compile(r"[^\W\d_][\w'\u2019-]*")
_COMMON_ENDINGS: Final = (
    "tion",
    "sion",
    "ness",
    "ment",
    "ity",
    "ing",
    "ism",
    "ance",
    "ence",
    "ship",
    "age",
    "ery",
    "ure",
)


@dataclass(frozen=True, slots=True)
class Casing:
    """Remember how a passage writes its words, away from the beginnings of sentences."""

    lower: frozenset[str]
    proper: frozenset[str]

    @classmethod
    def of(cls, sentences: Iterable[str]) -> Self:
        """Read the casing of a passage from its sentences."""
        words = [_bare(word) for sentence in sentences for word in _WORD.findall(sentence)[1:]]
        return cls(
            lower=frozenset(word for word in words if word[0].islower()),
            proper=frozenset(word for word in words if word[0].isupper()),
        )

    def lowered(self, text: str) -> str:
        """Write a sentence's beginning as the middle of a sentence: names, acronyms and code keep their capital."""
        match = _WORD.match(text)
        if match is None or not self._is_common(match[0], text[match.end() :]):
            return text
        return text[0].lower() + text[1:]

    def _is_common(self, word: str, rest: str) -> bool:
        word = _bare(word)
        low = word.lower()
        if low in STOP_WORDS:
            return word != "I"
        if word[1:] != word[1:].lower():
            return False
        if low in self.lower or low.removesuffix("s") in self.lower or low + "s" in self.lower:
            return True
        if word in self.proper:
            return False
        follower = _WORD.match(rest.strip())
        plural = low.endswith("s") and not low.endswith(("ss", "us", "is"))
        listed = re.match(r"(?:,| and| or) [a-z]", rest) is not None
        return (
            listed
            or low in VERBS
            or low.endswith(_COMMON_ENDINGS)
            or (plural and (follower is None or follower[0].islower()))
        )


def _bare(word: str) -> str:
    return word.removesuffix("'s").removesuffix("\u2019s")


def capitalised(text: str) -> str:
    """Write the first letter large, unless the text opens with code."""
    return text[:1].upper() + text[1:]
