"""
Limits of HTML pages.

The algorithm of the HTML standard takes quadratic time for deeply nested elements and for many attributes, and creates
quadratically many elements from unclosed formatting elements. Browsers limit the depth; lexbor does not.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

MAX_DEPTH: Final = 2000
_MAX_ATTRIBUTES: Final = 500
_MAX_COPIES: Final = 2_000_000
_SMALL: Final = 2000
"""Tags of a page that is not checked: whatever it contains, it is parsed in a second."""

_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_VALUE: Final = r"""(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']*+))?+"""
_MANY_ATTRIBUTES: Final = re.compile(rf"""<[a-zA-Z][^\s/>]*+(?:[\s/"']++[^\s/>"'=]++{_VALUE}){{{_MAX_ATTRIBUTES}}}""")
_FORMATTING: Final = frozenset("b big code em font i nobr s small strike strong tt u".split())
"""Elements that are opened again in later blocks if they are not closed; source: HTML standard, "formatting"."""
_NOT_NESTED: Final = frozenset(
    "a area base br button col dd dt embed hr img input li link meta option p param source tbody td tfoot th thead tr "
    "track wbr".split()
)
"""Elements without content, and those that end where the next one starts."""


def check_limits(text: str) -> None:
    """
    Check that a page can be parsed in linear time.

    Raises:
        RecursionError: It cannot.
    """
    if len(text) > _SMALL and _MANY_ATTRIBUTES.search(text):
        raise RecursionError
    if text.count("<") <= _SMALL:
        return
    depth = deepest = copies = formatting = 0
    unclosed: Counter[str] = Counter()
    for closing, written_name in _TAG.findall(text):
        name = written_name.lower()
        if name in _FORMATTING:
            if closing:
                if unclosed[name]:
                    unclosed[name] -= 1
                    formatting -= 1
            else:
                unclosed[name] += 1
                formatting += 1
        elif name not in _NOT_NESTED:
            depth = max(0, depth - 1) if closing else depth + 1
            deepest = max(deepest, depth)
        copies += formatting
    if deepest > MAX_DEPTH or formatting > MAX_DEPTH or copies > _MAX_COPIES + 20 * text.count("<"):
        raise RecursionError
