"""Splitting a document into passages: complete blocks of one section, up to a target length."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from budwood.errors import ConfigurationError
from budwood.types import SourcePassage
from budwood_generation.documents.records import Block, Record, Section, Verbatim
from budwood_generation.documents.sentences import has_sentence, sentence_ends

_SECTION_CHARS: Final = 80  # a shorter section without a sentence has no content to ask about
_FRAGMENT_CHARS: Final = 40  # a shorter paragraph is a label

CodeOption = Literal["keep", "drop"]


@dataclass(frozen=True, slots=True)
class Passage:
    """
    A passage of a document, whatever its name.

    Attributes:
        headings: The headings above it.
        text: Its blocks, separated by empty lines.
        sentences: Number of sentences, without those in code and tables.
    """

    headings: tuple[str, ...]
    text: str
    sentences: int


def split_document(
    parts: Iterable[Section | Record], *, target_chars: int = 1200, code: CodeOption = "keep"
) -> list[Passage]:
    """
    Split a document into passages, in reading order. The result is deterministic.

    Paragraphs of a section are joined up to ``target_chars``. A paragraph longer than twice that is split, if possible
    at the end of a sentence. Fragments, which are shorter than 40 characters or have no sentence, are joined to the
    next paragraph, or at the end of a section to the previous one. Code and tables are joined to the paragraph before
    them, up to twice the target; longer ones are split between lines. Sections of less than 80 characters without a
    sentence are dropped; nothing else is lost. A passage is at most twice the target long, plus a short fragment at
    either end. A record is a passage of its own, whatever its length.

    Args:
        parts: The parts of the document.
        target_chars: The target length of a passage.
        code: Whether code and tables are part of passages.

    Raises:
        ConfigurationError: ``target_chars`` is less than 80.
    """
    if target_chars < _SECTION_CHARS:
        raise ConfigurationError(
            f"passage_chars is {target_chars}, which is too short.", hint=f"Set it to {_SECTION_CHARS} or more."
        )
    return [passage for part in parts for passage in _split_part(part, target_chars, code)]


def make_passage(document: str, position: int, passage: Passage) -> SourcePassage:
    """Return a passage of a document; ``position`` is its number in the document, from 0."""
    identity = f"{document}\0{position}\0{passage.text}".encode()
    return SourcePassage(
        id=sha256(identity).hexdigest()[:16], document=document, headings=passage.headings, text=passage.text
    )


@dataclass(slots=True)
class _Piece:
    text: str
    sentences: int
    has_sentence: bool
    is_fragment: bool
    follows: bool = False
    """Whether it belongs to the piece before it."""

    def __len__(self) -> int:
        return len(self.text)


def _split_part(part: Section | Record, target: int, code: CodeOption) -> Iterator[Passage]:
    if isinstance(part, Record):
        yield Passage((), part.text, max(1, len(sentence_ends(part.text))))  # a record is a statement
        return
    blocks = [block for block in part.blocks if code == "keep" or not isinstance(block, Verbatim)]
    for piece in _split_section(blocks, target):
        yield Passage(part.headings, piece.text, piece.sentences)


def _split_section(blocks: Sequence[Block], target: int) -> list[_Piece]:
    pieces = [piece for block in blocks for piece in _split_block(block, target)]
    if sum(map(len, pieces)) < _SECTION_CHARS and not any(piece.has_sentence for piece in pieces):
        return []
    return _join_short(_join_fragments(pieces, target), target)


def _split_block(block: Block, target: int) -> list[_Piece]:
    if isinstance(block, Verbatim):
        texts = _split_verbatim(block, target)
        return [_Piece(part, 0, has_sentence=False, is_fragment=False, follows=part is texts[0]) for part in texts]
    text = block.strip()
    return [_make_piece(part) for part in _split_paragraph(text, target)] if text else []


def _make_piece(text: str) -> _Piece:
    is_sentence = has_sentence(text)
    ends = len(sentence_ends(text)) if is_sentence else 0
    return _Piece(text, ends, is_sentence, is_fragment=len(text) < _FRAGMENT_CHARS or not is_sentence)


def _split_verbatim(block: Verbatim, target: int) -> list[str]:
    """Split code or a table longer than twice the target between lines; each part has its opening and closing."""
    if len(block.text) <= 2 * target:
        return [block.text]
    if len(block.opening) + len(block.closing) > target // 2:
        block = Verbatim(block.text)
    room = 2 * target - len(block.opening) - len(block.closing) - 2
    bodies: list[str] = []
    for line in block.body.split("\n"):
        for start in range(0, max(1, len(line)), room):
            part = line[start : start + room]
            if bodies and len(bodies[-1]) + len(part) < min(room, target):
                bodies[-1] += f"\n{part}"
            else:
                bodies.append(part)
    return [Verbatim(body, block.opening, block.closing).text for body in bodies if body.strip()]


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


def _join_fragments(pieces: Sequence[_Piece], target: int) -> list[_Piece]:
    """Join fragments to the next piece, or at the end of the section to the previous one; code to the previous one."""
    joined: list[_Piece] = []
    pending: _Piece | None = None
    for piece in pieces:
        limit = target if piece.is_fragment else 2 * target
        if pending is not None and len(pending) >= _FRAGMENT_CHARS and len(pending) + len(piece) > limit:
            joined.append(pending)
            pending = None
        if piece.follows and joined and (pending is None or not pending.has_sentence):
            before = joined[-1] if pending is None else _join(joined[-1], pending)
            if len(before) + len(piece) <= limit:
                pending = before
                del joined[-1]
        pending = _join(pending, piece)
        if not piece.is_fragment:
            joined.append(pending)
            pending = None
    if pending is not None:
        if joined and (len(pending) < _FRAGMENT_CHARS or len(joined[-1]) + len(pending) <= 2 * target):
            pending = _join(joined.pop(), pending)
        joined.append(pending)
    return joined


def _join_short(pieces: Sequence[_Piece], target: int) -> list[_Piece]:
    """Join neighbors up to the target length."""
    joined = list(pieces[:1])
    for piece in pieces[1:]:
        longer = _join(joined[-1], piece)
        if len(longer) <= target:
            joined[-1] = longer
        else:
            joined.append(piece)
    return joined


def _join(first: _Piece | None, second: _Piece) -> _Piece:
    if first is None:
        return second
    return _Piece(
        f"{first.text}\n\n{second.text}",
        first.sentences + second.sentences,
        first.has_sentence or second.has_sentence,
        is_fragment=first.is_fragment and second.is_fragment,
    )
