"""Splitting a document into passages: complete paragraphs of one section, up to a target length."""

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

_SECTION_CHARS: Final = 80  # a shorter section without a sentence has no content to ask about
_FRAGMENT_CHARS: Final = 40  # a shorter paragraph is a label


def split_document(document: Document, *, target_chars: int = 1200) -> list[SourcePassage]:
    """
    Split a document into passages, in reading order. The result is deterministic.

    Paragraphs of a section are joined up to ``target_chars``. A paragraph longer than twice that is split, if possible
    at the end of a sentence. Fragments, which are shorter than 40 characters or have no sentence, are joined to the
    next paragraph, or at the end of a section to the previous one. Sections of less than 80 characters without a
    sentence are dropped; nothing else is lost. A passage is at most twice the target long, plus a short fragment at
    either end.

    Raises:
        ConfigurationError: ``target_chars`` is less than 80.
    """
    if target_chars < _SECTION_CHARS:
        raise ConfigurationError(
            f"passage_chars is {target_chars}, which is too short.", hint=f"Set it to {_SECTION_CHARS} or more."
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
    parts = [part for text in texts for part in _split_paragraph(text, target)]
    return _join_short(_join_fragments(parts, target), target)


def _split_paragraph(paragraph: str, target: int) -> list[str]:
    """Split a paragraph longer than twice the target into parts that are not."""
    ends = sentence_ends(paragraph) if len(paragraph) > 2 * target else []
    parts = []
    start = 0
    while len(paragraph) - start > 2 * target:
        cut = _find_cut(paragraph, ends, start, target)
        parts.append(paragraph[start:cut].strip())
        start = cut
    return [*parts, paragraph[start:].strip()]


def _find_cut(text: str, ends: Sequence[int], start: int, target: int) -> int:
    """Return the sentence end nearest to the target, or a space before it, or the target."""
    first = start + _FRAGMENT_CHARS
    last = min(start + 2 * target, len(text) - _FRAGMENT_CHARS)
    candidates = ends[bisect_left(ends, first) : bisect_right(ends, last)]
    if candidates:
        return min(candidates, key=lambda end: abs(end - start - target))
    space = text.rfind(" ", first, start + target)
    return space if space >= 0 else start + target


def _join_fragments(parts: Sequence[str], target: int) -> list[str]:
    """Join fragments to the next part, or at the end of the section to the previous one."""
    joined: list[str] = []
    pending = ""
    for part in parts:
        is_fragment = len(part) < _FRAGMENT_CHARS or not has_sentence(part)
        limit = target if is_fragment else 2 * target
        if len(pending) >= _FRAGMENT_CHARS and len(pending) + len(part) > limit:
            joined.append(pending)
            pending = ""
        pending = _join(pending, part)
        if not is_fragment:
            joined.append(pending)
            pending = ""
    if joined and (len(pending) < _FRAGMENT_CHARS or len(joined[-1]) + len(pending) <= 2 * target):
        pending = _join(joined.pop(), pending)
    return [*joined, pending]


def _join_short(texts: Sequence[str], target: int) -> list[str]:
    """Join neighbors up to the target length."""
    joined = [texts[0]]
    for text in texts[1:]:
        longer = _join(joined[-1], text)
        if len(longer) <= target:
            joined[-1] = longer
        else:
            joined.append(text)
    return joined


def _join(first: str, second: str) -> str:
    return f"{first}\n\n{second}" if first and second else first or second
