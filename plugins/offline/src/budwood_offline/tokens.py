"""Count tokens: words, punctuation marks, and single characters of scripts without spaces."""

from __future__ import annotations

import re
from typing import Final

_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN: Final = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\W{_UNSPACED}]{{1,24}}|[^\w\s])|\s+")


def split_tokens(text: str) -> list[str]:
    """Split a text into tokens, each with the white space before it; joining them gives the text."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """Count the tokens of a text. The count matches no vendor's tokenizer."""
    return len(split_tokens(text))
