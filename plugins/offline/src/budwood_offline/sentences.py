"""
Split prose into sentences, losing nothing but white space.

Two steps: the text is cut into blocks (paragraphs, list items, headings, table rows, fenced code), then each block at
the marks that end a sentence. The hard part is the full stop, which also belongs to abbreviations, initials, decimals,
versions and file names; the rules here are those of plain English prose and its Markdown.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from budwood_offline.words import STOP_WORDS

_CLOSERS: Final = "\"'\u201d\u2019\u00bb)\\]}*_`"
_OPENERS: Final = "\"'\u201c\u2018\u00ab([{*_`"
_END: Final = re.compile(
    rf"(?<![.!?\u2026])(?P<mark>[.!?\u2026]++)(?P<close>[{_CLOSERS}]*+)(?=\s)"
    # Full stops of scripts that put no space after them, with the quotes that close there.
    "|[\u3002\uff01\uff1f\uff61]+[\u300d\u300f\u201d\u2019\uff09\u3011\u300b\u3009]*"
    "|[\u0964\u0965\u061f\u06d4\u0589\u1362\u104b\u17d4]+"
)
_FENCE: Final = re.compile(r"\s*(?:```|~~~)")
_ITEM: Final = re.compile(r"\s*(?:[-*+\u2022\u2023]\s|\(?\d{1,3}[.)]\s|#{1,6}\s|>\s|\||```|~~~|[-=*_]{3,}\s*$)")
_OWN_LINE: Final = re.compile(r"\s*(?:#{1,6}\s|\||[-=*_]{3,}\s*$)")
_LABEL: Final = re.compile(r"\s*[\"']?\w[\w -]{0,30}[\"']?:(?:\s|$)")
_NUMBERING: Final = re.compile(r"\s*(?:[-*+]\s+)?\(?(?:\d{1,3}|[a-zA-Z])")
_DOTTED: Final = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_SHORT_LINE: Final = 45
_WINDOW: Final = 200
_PLAIN_WORD: Final = 5

# Never the last word of a sentence, because what they introduce must follow.
_INTRODUCING: Final = frozenset(
    "e.g i.e cf vs viz dr mr mrs ms prof st mt fig figs eq eqs sec ch chap vol vols no nos p pp ed eds al ca approx "
    "incl excl resp gen col sgt capt lt rev hon sr art ref refs dept univ est max min avg tel var ver".split()
)
# Last words of a sentence only where a capital follows.
_ABBREVIATED: Final = frozenset(
    "etc inc ltd co corp jr bros jan feb mar apr jun jul aug sept sep oct nov dec mon tue wed thu fri sat sun".split()
)


def normalise(text: str) -> str:
    """Replace every run of white space by one space, and strip both ends."""
    return " ".join(text.split())


def split_sentences(text: str) -> list[str]:
    """
    Split a text into sentences, each an exact part of `normalise(text)`, in order.

    A heading, a list item, a table row, a line of a form (`Age: 36`) and a fenced block of code end where they end,
    with or without a full stop. Markers such as `-` and `#` stay with their sentence.
    """
    return list(_sentences_of(text))


@lru_cache(maxsize=256)
def _sentences_of(text: str) -> tuple[str, ...]:
    found = (normalise(part) for block in _blocks(text) for part in _cut(block))
    return tuple(sentence for sentence in found if sentence)


def _blocks(text: str) -> Iterator[str]:
    lines = text.splitlines()
    block: list[str] = []
    fenced = _begins_in_fence(lines)
    for line in lines:
        if block and not fenced and _starts_block(block[-1], line):
            yield "\n".join(block)
            block = []
        block.append(line)
        if _FENCE.match(line):
            if fenced:
                yield "\n".join(block)
                block = []
            fenced = not fenced
    yield "\n".join(block)


def _begins_in_fence(lines: list[str]) -> bool:
    """Tell whether a text was cut out of the middle of fenced code: its first fence closes what it does not open."""
    fences = [place for place, line in enumerate(lines) if _FENCE.match(line)]
    if len(fences) % 2 == 0 or fences[0] == 0:
        return False
    return lines[fences[0]].strip() in {"```", "~~~"} and bool(lines[fences[0] - 1].strip())


def _starts_block(above: str, line: str) -> bool:
    if not line.strip() or not above.strip():
        return True
    if _ITEM.match(line) or _OWN_LINE.match(above):
        return True
    if _LABEL.match(line) and len(above) < _SHORT_LINE:
        return True
    return len(above.strip()) < _SHORT_LINE and not line.strip()[0].islower() and above.rstrip()[-1] not in ",;"


def _cut(block: str) -> Iterator[str]:
    if _FENCE.match(block) or block.lstrip().startswith("|"):
        yield block
        return
    start = 0
    ticks = [place for place, letter in enumerate(block) if letter == "`"] if "`" in block else []
    for match in _END.finditer(block):
        if match["mark"] is None or _ends_sentence(block, start, match, ticks):
            yield block[start : match.end()]
            start = match.end()
    yield block[start:]


def _ends_sentence(block: str, start: int, match: re.Match[str], ticks: list[int]) -> bool:
    # No more than the neighbourhood is looked at, or a text full of abbreviations would take its length squared.
    before = block[max(start, match.start() - _WINDOW) : match.start()]
    after = block[match.end() : match.end() + _WINDOW].lstrip().lstrip(_OPENERS)
    if not after or _in_code(ticks, start, match) or _NUMBERING.fullmatch(before):
        return not after
    lower = after[0].islower()
    if match["mark"] != ".":
        return not lower
    word = before.split()[-1].lstrip(_OPENERS) if before.split() else ""
    return _stop_ends(word, after, lower=lower)


def _in_code(ticks: list[int], start: int, match: re.Match[str]) -> bool:
    """Tell whether a mark stands between two backticks of its sentence, and not right before the second."""
    first, here = bisect_left(ticks, start), bisect_left(ticks, match.start())
    return (here - first) % 2 == 1 and here < len(ticks) and ticks[here] != match.end("mark")


def _stop_ends(word: str, after: str, *, lower: bool) -> bool:
    folded = word.casefold()
    if folded in _INTRODUCING:
        return False
    if folded in _ABBREVIATED:
        return after[0].isupper()
    if _DOTTED.fullmatch(word):
        return not lower and re.split(r"\W", after, maxsplit=1)[0].casefold() in STOP_WORDS
    # Names such as `pluggy` or `mypy` open a sentence in lower case; after a short word it is an abbreviation.
    return not lower or len(word) >= _PLAIN_WORD
