"""From a document to passages: whole paragraphs of one section, up to a size."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from budwood.errors import ConfigurationError
from budwood.types import SourcePassage
from budwood_generation.documents.records import Document
from budwood_generation.documents.sentences import has_sentence, sentence_ends

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECTION_CHARS: Final = 80  # a section with less, and without a sentence, says nothing that could be asked about
_FRAGMENT_CHARS: Final = 40  # a paragraph with less is a label, not a statement


def passages(document: Document, *, target_chars: int = 1200) -> list[SourcePassage]:
    """
    Cut a document into passages, in reading order and always in the same way.

    Whole paragraphs of a section are joined up to ``target_chars``; one that exceeds twice that is cut, at ends of
    sentences where it has them. Fragments, which are shorter than 40 characters or hold no sentence, stay with the
    paragraph that they lead to, or else with the one before. Sections of less than 80 characters without a sentence are
    left out. Apart from these nothing is lost. No passage exceeds twice the target by more than a short fragment at
    either end.

    Raises:
        ConfigurationError: ``target_chars`` is less than 80.
    """
    if target_chars < _SECTION_CHARS:
        raise ConfigurationError(
            f"Passages of {target_chars} characters are too short.", hint=f"Ask for {_SECTION_CHARS} or more."
        )
    texts = [
        (section.headings, text)
        for section in document.sections
        for text in _section_texts(section.paragraphs, target_chars)
    ]
    return [
        SourcePassage(
            id=_passage_id(document.name, position, text), document=document.name, headings=headings, text=text
        )
        for position, (headings, text) in enumerate(texts)
    ]


def _passage_id(document: str, position: int, text: str) -> str:
    return sha256(f"{document}\0{position}\0{text}".encode()).hexdigest()[:16]


def _section_texts(paragraphs: Sequence[str], target: int) -> list[str]:
    texts = [text for paragraph in paragraphs if (text := paragraph.strip())]
    if sum(map(len, texts)) < _SECTION_CHARS and not any(map(has_sentence, texts)):
        return []
    pieces = [piece for text in texts for piece in _pieces(text, target)]
    return _packed(_with_fragments(pieces, target), target)


def _pieces(paragraph: str, target: int) -> list[str]:
    """Cut a paragraph that exceeds twice the target; none of the pieces does."""
    ends = sentence_ends(paragraph) if len(paragraph) > 2 * target else []
    pieces = []
    start = 0
    while len(paragraph) - start > 2 * target:
        cut = _cut(paragraph, ends, start, target)
        pieces.append(paragraph[start:cut].strip())
        start = cut
    return [*pieces, paragraph[start:].strip()]


def _cut(text: str, ends: Sequence[int], start: int, target: int) -> int:
    """Choose the sentence end that comes nearest to the target, else a space, else the target itself."""
    first = start + _FRAGMENT_CHARS
    last = min(start + 2 * target, len(text) - _FRAGMENT_CHARS)
    candidates = ends[bisect_left(ends, first) : bisect_right(ends, last)]
    if candidates:
        return min(candidates, key=lambda end: abs(end - start - target))
    space = text.rfind(" ", first, start + target)
    return space if space >= 0 else start + target


def _with_fragments(pieces: Sequence[str], target: int) -> list[str]:
    """Join each run of fragments to the piece that follows, or at the end of the section to the one before."""
    joined: list[str] = []
    waiting = ""
    for piece in pieces:
        fragment = len(piece) < _FRAGMENT_CHARS or not has_sentence(piece)
        limit = target if fragment else 2 * target
        if len(waiting) >= _FRAGMENT_CHARS and len(waiting) + len(piece) > limit:
            joined.append(waiting)
            waiting = ""
        waiting = _join(waiting, piece)
        if not fragment:
            joined.append(waiting)
            waiting = ""
    if joined and (len(waiting) < _FRAGMENT_CHARS or len(joined[-1]) + len(waiting) <= 2 * target):
        waiting = _join(joined.pop(), waiting)
    return [*joined, waiting]


def _packed(texts: Sequence[str], target: int) -> list[str]:
    """Join neighbours for as long as they stay within the target."""
    packed = [texts[0]]
    for text in texts[1:]:
        longer = _join(packed[-1], text)
        if len(longer) <= target:
            packed[-1] = longer
        else:
            packed.append(text)
    return packed


def _join(first: str, second: str) -> str:
    return f"{first}\n\n{second}" if first and second else first or second
