"""Where sentences end. No grammar: good enough to cut a text where a reader would."""

from __future__ import annotations

import re
from typing import Final

# Possessive, and begun only at the first of several marks: a line of a million dots must not take a million squared.
_LATIN_END: Final = r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019\xbb)\]]*+(?=\s|$)"
_CHINESE_END: Final = r"[\u3002\uff01\uff1f]++[\u300d\u300f\u201d\u2019\uff09]*"  # followed by no space
_END: Final = re.compile(f"{_LATIN_END}|{_CHINESE_END}")


def has_sentence(text: str) -> bool:
    """Tell whether anything in the text ends like a sentence."""
    return _END.search(text) is not None


def sentence_ends(text: str) -> list[int]:
    """
    List the offsets right after each sentence.

    What goes on in lower case ("e.g. this") was no end. A text that does not end like a sentence ends without one.
    """
    return [end for end in (match.end() for match in _END.finditer(text)) if not text[end : end + 2].strip().islower()]
