"""Split a Markdown text into sentences, and remove the markup of a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

_END: Final = re.compile(
    "(?<![.!?\u2026])(?P<mark>[.!?\u2026]++)[\"'\u201d\u2019\u00bb)\\]}*_`]*+(?=\\s)"
    # Full stops of scripts without spaces, with closing quotes, and those of other scripts.
    "|[\u3002\uff01\uff1f\uff61]+[\u300d\u300f\u201d\u2019\uff09]*|[\u0964\u0965\u061f\u06d4\u0589\u1362\u104b\u17d4]+"
)
_OPENING_MARKS: Final = "\"'\u201c\u2018\u00ab([{*_`"
_FENCE: Final = re.compile(r"\s*(?:```|~~~)")
_BLOCK_START: Final = re.compile(r"\s*(?:$|[-*+\u2022]\s|\(?\d{1,3}[.)]\s|#{1,6}\s|>\s|\|)")
_ONE_LINE_BLOCK: Final = re.compile(r"\s*(?:#{1,6}\s|\|)")
_NUMBERING: Final = re.compile(r"\s*(?:[-*+]\s+)?\(?(?:\d{1,3}|[a-zA-Z])")
_INITIALS: Final = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_ABBREVIATIONS: Final = frozenset(
    "e.g i.e cf vs viz dr mr mrs ms prof st mt fig figs eq sec ch vol no nos p pp ed eds al ca approx incl excl resp "
    "jr inc ltd etc".split()
)
_WINDOW: Final = 200  # characters examined around a full stop, so that the time is linear in the length of the text
_MARKERS: Final = re.compile(r"^(?:(?:[-*+\u2022]|\(?\d{1,3}[.)]|#{1,6}|>|\[[ xX]\])\s+)+")
_LINK: Final = re.compile(r"!?\[([^\]]{0,200})\](?:\([^)]{0,500}\)|\[[^\]]{0,200}\])")
_EMPHASIS: Final = re.compile(r"(`[^`]+`)|\*{1,3}|(?<!\w)_{1,3}(?=\w)|(?<=\w)_{1,3}(?!\w)")


def normalise(text: str) -> str:
    """Replace every run of white space by one space, and strip both ends."""
    return " ".join(text.split())


@lru_cache(maxsize=256)
def split_sentences(text: str) -> tuple[str, ...]:
    """
    Split a text into sentences, in order; each is a substring of `normalise(text)`.

    A heading, a list item, a table row and a fenced code block each count as a sentence, including their markers.
    """
    sentences = (normalise(part) for block in _split_blocks(text) for part in _split_block(block))
    return tuple(sentence for sentence in sentences if sentence)


def _split_blocks(text: str) -> Iterator[str]:
    block: list[str] = []
    in_fence = False
    for line in text.splitlines():
        is_fence = _FENCE.match(line) is not None
        if block and not in_fence and (is_fence or _BLOCK_START.match(line) or _ONE_LINE_BLOCK.match(block[-1])):
            yield "\n".join(block)
            block = []
        block.append(line)
        if is_fence and in_fence:
            yield "\n".join(block)
            block = []
        in_fence ^= is_fence
    yield "\n".join(block)


def _split_block(block: str) -> Iterator[str]:
    if _FENCE.match(block) or block.lstrip().startswith("|"):
        yield block
        return
    start = 0
    for match in _END.finditer(block):
        if match["mark"] is None or _is_end(block, start, match):
            yield block[start : match.end()]
            start = match.end()
    yield block[start:]


def _is_end(block: str, start: int, match: re.Match[str]) -> bool:
    before = block[max(start, match.start() - _WINDOW) : match.start()]
    after = block[match.end() : match.end() + _WINDOW].lstrip().lstrip(_OPENING_MARKS)
    if not after or _NUMBERING.fullmatch(before):
        return not after
    if match["mark"] != ".":
        return not after[0].islower()
    word = before.split()[-1].lstrip(_OPENING_MARKS) if before.split() else ""
    if word.casefold() in _ABBREVIATIONS or _INITIALS.fullmatch(word):
        return False
    return not after[0].islower()


def strip_markers(sentence: str) -> str:
    """Remove list and heading markers, and unpaired marks at both ends; the result is a substring of the text."""
    text = _MARKERS.sub("", sentence).strip("| ")
    for mark in ("**", "*", "`", '"'):
        if text.count(mark) % 2:
            text = text.removeprefix(mark) if text.startswith(mark) else text.removesuffix(mark)
    return text.strip() or sentence


def strip_markup(sentence: str) -> str:
    """Remove Markdown from a sentence: links become their text, emphasis is removed, code keeps its backticks."""
    text = _LINK.sub(r"\1", strip_markers(sentence)).replace("``", "`")
    return normalise(_EMPHASIS.sub(lambda match: match[1] or "", text))
