"""Ends of sentences, found by punctuation, for splitting texts."""

from __future__ import annotations

import re
from typing import Final

# Possessive, and anchored at the first of several marks: matching a line of a million dots must take linear time.
_LATIN_END: Final = r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019\xbb)\]]*+(?=\s|$)"
_CHINESE_END: Final = r"[\u3002\uff01\uff1f]++[\u300d\u300f\u201d\u2019\uff09]*"  # not followed by a space
_END: Final = re.compile(f"{_LATIN_END}|{_CHINESE_END}")


def has_sentence(text: str) -> bool:
    """Tell whether the text contains the end of a sentence."""
    return _END.search(text) is not None


def sentence_ends(text: str) -> list[int]:
    """
    Return the offset after each sentence.

    Punctuation before a lower-case letter ("e.g. this") does not end a sentence. If the text ends without punctuation,
    its end is not included.
    """
    return [end for end in (match.end() for match in _END.finditer(text)) if not text[end : end + 2].strip().islower()]
