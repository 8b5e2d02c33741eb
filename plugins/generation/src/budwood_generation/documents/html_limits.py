"""
Limits of HTML pages.

The algorithm of the HTML standard takes quadratic time for deeply nested elements and for many attributes, and creates
quadratically many elements from unclosed formatting elements. Browsers limit the depth; lexbor does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

MAX_DEPTH: Final = 2000
_MAX_ATTRIBUTES: Final = 500
_MAX_COPIES: Final = 4_000_000
_SMALL: Final = 2_000
"""Tags of a page that is not checked for unclosed elements, and characters of one not checked for attributes."""
_SMALL_DEPTH: Final = 20_000
"""Tags of a page that is not checked for depth: however they are nested, it is parsed in a second."""

_VALUE: Final = r"""(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']*+))?+"""
_MANY_ATTRIBUTES: Final = re.compile(rf"""<[a-zA-Z][^\s/>]*+(?:[\s/"']++[^\s/>"'=]++{_VALUE}){{{_MAX_ATTRIBUTES}}}""")
_FORMATTING: Final = re.compile(
    r"<(/?(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u))(?=[\s/>])", re.IGNORECASE
)
"""Elements that are opened again in later blocks if they are not closed; source: HTML standard, "formatting"."""
_NESTED: Final = re.compile(
    r"<(?!/?(?:a|area|base|br|button|col|dd|dt|embed|hr|img|input|li|link|meta|option|p|param|source|tbody|td|tfoot|th|"
    r"thead|tr|track|wbr)(?=[\s/>]))(/?[a-z])",
    re.IGNORECASE,
)
"""Elements with content that the next one of the same kind does not end."""

_DRAWING: Final = re.compile(r"<(/?)svg(?=[\s/>])", re.IGNORECASE)


def check_limits(text: str) -> None:
    """
    Check that a page can be parsed in linear time.

    Raises:
        RecursionError: It cannot.
    """
    if len(text) > _SMALL and _MANY_ATTRIBUTES.search(text):
        raise RecursionError
    tags = text.count("<")
    if tags > _SMALL and _find_depth(_FORMATTING.findall(text)) * tags > _MAX_COPIES:
        raise RecursionError
    if tags > _SMALL_DEPTH and _find_depth(_NESTED.findall(_remove_drawings(text))) > MAX_DEPTH:
        raise RecursionError


def _remove_drawings(text: str) -> str:
    """Remove SVG drawings, in which elements may end without an end tag: thousands of ``<path/>``."""
    kept = []
    end = 0
    start: int | None = None
    for tag in _DRAWING.finditer(text):
        if not tag[1] and start is None:
            start = tag.start()
        elif tag[1] and start is not None:
            kept.append(text[end:start])
            end, start = tag.end(), None
    return "".join([*kept, text[end:]])


def _find_depth(tags: Sequence[str]) -> int:
    """Return how deeply tags are nested, whatever their names. End tags without a start tag are ignored."""
    depths = list(accumulate((-1 if tag[0] == "/" else 1 for tag in tags), initial=0))
    return max(depth - lowest for depth, lowest in zip(depths, accumulate(depths, min), strict=True))
