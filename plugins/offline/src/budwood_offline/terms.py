"""
Turn text into the terms by which sentences are compared.

A term is a word without case, ending and possessive: `keys` and `key`, `cached` and `caches` are one term. Scripts
that are written without spaces yield pairs of neighbouring characters instead of words.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

from budwood_offline.words import STOP_WORDS

# Vowel signs of Indic scripts and combining accents belong to their word, although `\w` leaves them out.
_MARKS: Final = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
_WORD: Final = re.compile(rf"[\w{_MARKS}]+(?:['\u2019.@][\w{_MARKS}]+)*")
_SPACELESS: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
_SIBILANTS: Final = ("ss", "x", "z", "ch", "sh")
_SHORTEST: Final = 3
_JOINTS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+")


def terms(text: str) -> list[str]:
    """List the terms of a text in order, repeated as often as they occur, without stop words."""
    found: list[str] = []
    for word in _WORD.findall(text):
        found.extend(_terms_of(word))
    return found


def term_places(text: str) -> dict[str, list[int]]:
    """Map each term of a text to the places where it begins."""
    places: dict[str, list[int]] = {}
    for match in _WORD.finditer(text):
        for term in _terms_of(match[0]):
            places.setdefault(term, []).append(match.start())
    return places


def name_terms(name: str) -> list[str]:
    """List the terms of an identifier: `postalCode` and `postal_code` both yield `postal`, `cod`."""
    return terms(" ".join(part for part in _JOINTS.split(name) if part))


@lru_cache(maxsize=8192)
def _terms_of(word: str) -> tuple[str, ...]:
    word = word.casefold().replace("\u2019", "'").removesuffix("'s").strip("_")
    if not word or word in STOP_WORDS:
        return ()
    if _SPACELESS.search(word):
        return tuple(part for run in _SPACELESS.findall(word) for part in _pairs(run)) or (word,)
    return (stem(word),)


def _pairs(run: str) -> list[str]:
    return [first + second for first, second in pairwise(run)] or [run]


def stem(word: str) -> str:
    """
    Cut the ending of a lower-case word: plural, `-ed`, `-ing`, final `e`.

    Light on purpose: what two words share must be what a reader would call the same word.
    """
    if len(word) <= _SHORTEST or not word.isalpha():
        return word
    word = _singular(word)
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= _SHORTEST and any(vowel in root for vowel in "aeiouy"):
            return _undoubled(root).removesuffix("e")
    return word.removesuffix("e") if len(word) > _SHORTEST else word


def _singular(word: str) -> str:
    if word.endswith(("ies", "ied")) and len(word) > _SHORTEST + 1:
        return word[:-3] + "y"
    if word.endswith("es") and word[:-2].endswith(_SIBILANTS):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _undoubled(root: str) -> str:
    if root[-1] == root[-2] and root[-1] not in "lsz":
        return root[:-1]
    return root
