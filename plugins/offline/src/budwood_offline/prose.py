"""Tell prose from the rest of a Markdown text, and free a sentence from its markup."""

from __future__ import annotations

import re
from typing import Final

_MARKERS: Final = re.compile(r"(?:(?:[-*+\u2022\u2023]|\(?\d{1,3}[.)]|#{1,6}|>|\[[ xX]\])\s+)+")
_CODE: Final = re.compile(r"(`[^`]+`)")
_LINK: Final = re.compile(r"!?\[([^\]]{0,200})\](?:\([^)]{0,500}\)|\[[^\]]{0,200}\])|<(https?://[^<>]{0,500})>")
_FOOTNOTE: Final = re.compile(r"\s?\[\^?\d+\]")
_ROLE: Final = re.compile(r"(?<![a-z:]):[a-z:]++(?<=:)(?=`)")
_STARS: Final = re.compile(r"(?<=\S)\*{1,3}|\*{1,3}(?=\S)|(?<!\w)_{1,3}(?=\w)|(?<=\w)_{1,3}(?!\w)")
_PAIRS: Final = ("**", "*", "`", '"')
_WORD: Final = re.compile(r"[^\W\d_]+")
_SYMBOL: Final = re.compile(r"[^\w\s.,;:'\"!?()\u2013\u2014\u2018-\u201d`*-]")
_FINISHED: Final = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\u0964][)\"'\u201d\u2019*_`\u300d\u300f]*$")

_SPACELESS: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")

WORDLESS: Final = 0.0
CODE: Final = 0.1
ROW: Final = 0.4
UNFINISHED: Final = 0.7
PROSE: Final = 1.0
FEWEST_WORDS: Final = 4
MOST_WORDS: Final = 70


def trim(sentence: str) -> str:
    """
    Strip list, heading and table markers from a sentence, and marks at its ends that have lost their partner.

    Only the ends are touched, so that the result is still an exact part of the text.
    """
    match = _MARKERS.match(sentence)
    text = sentence[match.end() :] if match else sentence
    if text.startswith("|"):
        text = text.strip("| ")
    for mark in _PAIRS:
        if text.count(mark) % 2:
            text = text.removeprefix(mark) if text.startswith(mark) else text.removesuffix(mark)
    if text.count("(") > text.count(")"):
        text = text.removeprefix("(")
    elif text.count(")") > text.count("("):
        text = text.removesuffix(")")
    return text.strip() or sentence


def plain(sentence: str) -> str:
    """Write a sentence without Markdown: links as their text, no emphasis; code keeps its single backticks."""
    text = _ROLE.sub("", trim(sentence)).replace("``", "`")
    parts = _CODE.split(_FOOTNOTE.sub("", _LINK.sub(lambda match: match[1] or match[2] or "", text)))
    parts[::2] = [_STARS.sub("", part) for part in parts[::2]]
    return " ".join("".join(parts).split())


def quality(sentence: str) -> float:
    """
    Rate from 0 to 1 how well a sentence, its markers included, would serve as an answer.

    Whole prose is 1; an unfinished line, a heading, a table row, a title of two words and code count less.
    """
    words = _count_words(sentence)
    if not words:
        return WORDLESS
    if sentence.startswith(("```", "~~~")):
        return CODE
    if sentence.startswith("#") or words < FEWEST_WORDS:
        return 0.2
    if len(_SYMBOL.findall(_CODE.sub("", sentence))) > words / 3:
        return 0.3
    if sentence.endswith((":", "?")):
        return 0.3
    if sentence.startswith("|") or " | " in sentence:
        return ROW
    return PROSE if _FINISHED.search(sentence) and words <= MOST_WORDS else UNFINISHED


def _count_words(sentence: str) -> int:
    # In a script without spaces two characters make about one word.
    spaceless = len(_SPACELESS.findall(sentence))
    return len(_WORD.findall(_SPACELESS.sub(" ", sentence))) + spaceless // 2
