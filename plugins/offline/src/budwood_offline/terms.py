"""Reduce words to terms, so that different forms of a word compare equal."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

from budwood_offline.words import STOP_WORDS

_WORD: Final = re.compile(r"\w+(?:['\u2019.@]\w+)*")
UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
_NAME_PARTS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+")
_SIBILANTS: Final = ("ss", "x", "z", "ch", "sh")
_MIN_STEM_LENGTH: Final = 3


def extract_terms(text: str) -> list[str]:
    """Return the terms of a text in order, with repetitions and without stop words."""
    return [term for word in _WORD.findall(text) for term in _terms_of(word)]


def split_name(name: str) -> list[str]:
    """Split an identifier into its words: `postalCode` and `postal_code` both contain `postal`."""
    return [part for part in _NAME_PARTS.split(name) if part]


@lru_cache(maxsize=8192)
def _terms_of(word: str) -> tuple[str, ...]:
    word = word.casefold().replace("\u2019", "'").removesuffix("'s").strip("_")
    if not word or word in STOP_WORDS:
        return ()
    runs = UNSPACED.findall(word)
    if runs:  # a script without spaces: compare pairs of characters
        return tuple(pair for run in runs for pair in ([a + b for a, b in pairwise(run)] or [run]))
    return (stem(word),)


def stem(word: str) -> str:
    """Remove the ending of a lower-case English word: plural, `-ed`, `-ing`, final `e`."""
    if len(word) <= _MIN_STEM_LENGTH or not word.isalpha():
        return word
    word = _to_singular(word)
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= _MIN_STEM_LENGTH and any(vowel in root for vowel in "aeiouy"):
            doubled = root[-1] == root[-2] and root[-1] not in "lsz"
            return root[:-1] if doubled else root.removesuffix("e")
    return word.removesuffix("e") if len(word) > _MIN_STEM_LENGTH else word


def _to_singular(word: str) -> str:
    if word.endswith(("ies", "ied")) and len(word) > _MIN_STEM_LENGTH + 1:
        return word[:-3] + "y"
    if word.endswith("es") and word[:-2].endswith(_SIBILANTS):
        return word[:-2]
    return word[:-1] if is_plural(word) else word


def is_plural(word: str) -> bool:
    """Return whether a lower-case noun looks like a plural."""
    return (
        len(word) > _MIN_STEM_LENGTH and word.endswith("s") and not word.endswith(("ss", "us", "is", "'s", "\u2019s"))
    )
