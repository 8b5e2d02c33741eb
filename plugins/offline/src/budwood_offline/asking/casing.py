"""Decide which words keep their capital in the middle of a question."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from budwood_offline.words import COMMON, STOP_WORDS, VERBS, is_participle

_WORD: Final = re.compile(r"[^\W\d_][\w'\u2019-]*")
_CODE: Final = re.compile(r"`[^`]+`")
_POSSESSIVE: Final = ("'s", "\u2019s")
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
    "ible",
    "able",
    "ive",
    "ous",
    "ful",
    "less",
)


@dataclass(frozen=True, slots=True)
class Casing:
    """Remember how a passage writes its words, away from the beginnings of sentences."""

    lower: frozenset[str]
    proper: frozenset[str]

    @classmethod
    def of(cls, sentences: Iterable[str]) -> Self:
        """Read the casing of a passage from its sentences."""
        words = [_bare(word) for sentence in sentences for word in _WORD.findall(_CODE.sub(" ", sentence))[1:]]
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
        rest = word[len(_bare(word)) :] + rest
        word = _bare(word)
        low = word.lower()
        if low in STOP_WORDS:
            return word != "I"
        if word[1:] != word[1:].lower():
            return False
        if low in self.lower or low.removesuffix("s") in self.lower or low + "s" in self.lower:
            return True
        if word in self.proper or rest.startswith(_POSSESSIVE):
            return False
        follower = _WORD.match(rest.strip())
        plural = low.endswith("s") and not low.endswith(("ss", "us", "is"))
        listed = re.match(r"(?:,| and| or) [a-z]", rest) is not None
        return (
            listed
            or low in VERBS
            or low in COMMON
            or (is_participle(low) and follower is not None and follower[0].islower())
            or low.endswith(_COMMON_ENDINGS)
            or (plural and (follower is None or follower[0].islower()))
        )


def _bare(word: str) -> str:
    return word[:-2] if word.endswith(_POSSESSIVE) else word


def capitalised(text: str) -> str:
    """Write the first letter large, unless the text opens with code."""
    return text[:1].upper() + text[1:]
