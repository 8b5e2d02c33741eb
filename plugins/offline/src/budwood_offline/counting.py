"""
Count the offline provider's own tokens, and cut a text into them.

A token is a word, a punctuation mark or a character of a script without spaces, together with the white space before
it. No vendor counts like this: the numbers are deterministic and of the right order, nothing more.
"""

from __future__ import annotations

import re
from typing import Final

_SPACELESS: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECE: Final = re.compile(rf"\s*(?:[{_SPACELESS}]|[^\W{_SPACELESS}]{{1,24}}|[^\w\s])|\s+")


def pieces(text: str) -> list[str]:
    """Cut a text into its tokens; joined together they are exactly the text."""
    return _PIECE.findall(text)


def count_tokens(text: str) -> int:
    """Count the tokens of a text: `len(pieces(text))`."""
    return len(pieces(text))
