"""What dataset generation hands to strategies, modifiers and storages."""

from __future__ import annotations

from dataclasses import dataclass, field

from budwood.types.messages import Message
from budwood.types.record import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePassage:
    """
    A passage of a document: whole paragraphs of one section, with an empty line between them.

    ``id`` is a hash of document, position and text. ``document`` is the document's name relative to the specification,
    never a path of the machine; ``headings`` the chain of headings above the passage, outermost first.
    """

    id: str
    document: str
    headings: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDraft:
    """
    What a strategy plans for one cell, before the plan gives it a number, an id and its turns.

    ``max_turns`` is how many turns the material bears; None for any number.
    """

    passage: SourcePassage | None = None
    material: dict[str, JSON] = field(default_factory=dict)
    max_turns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """
    One planned row: everything that decides what it will be, and nothing of when or where it is made.

    ``id`` is a hash of the cell; ``turns`` how many questions and answers it shall have; ``material`` what the strategy
    planned for it (a seed, a persona).
    """

    id: str
    index: int
    turns: int
    passage: SourcePassage | None = None
    material: dict[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """
    What the user of a conversation says next: the words themselves, or the messages that make a model say them.

    With neither, the user has nothing more to say and the conversation ends.
    """

    text: str | None = None
    ask: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One row of a dataset, as it is exported.

    ``data`` is what the user gets; it holds no clock, no run id and no path.
    """

    id: str
    index: int
    data: dict[str, JSON]
