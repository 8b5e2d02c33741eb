"""Records that dataset generation passes to strategies, modifiers and storages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from budwood.types.messages import Message
from budwood.types.record import JSON, short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePassage:
    """
    A passage of a document: complete paragraphs of one section, separated by an empty line.

    ``id`` is a hash of document, position and text. ``document`` is the name of the document relative to the
    specification, never an absolute path; ``headings`` are the headings above the passage, outermost first.
    """

    id: str
    document: str
    headings: tuple[str, ...]
    text: str

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDraft:
    """
    The content that a strategy plans for one cell, before the plan adds its index, id and turns.

    ``material`` is saved with the row, and fills placeholders such as ``{topic}`` in the texts of the specification.

    Attributes:
        max_turns: The maximum number of turns for the material; None for no limit.
        after: The number of the last cell before this one that is about the same passage or material. This cell waits
            for its row, and the asker is told what was asked in it. None if there is none.
    """

    passage: SourcePassage | None = None
    material: dict[str, JSON] = field(default_factory=dict)
    max_turns: int | None = None
    after: int | None = None

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """
    One planned row: everything that determines its content, independent of when and where it is generated.

    ``id`` is a hash of the cell; ``turns`` is the number of questions and answers; ``material`` is what the strategy
    planned for it (a seed, a persona).

    Attributes:
        after: The index of an earlier row about the same passage or material. This row starts when that one has ended,
            finished or failed. None if there is none.
        asked: Questions of such earlier rows, set when the row starts. The plan does not have them.
    """

    id: str
    index: int
    turns: int
    passage: SourcePassage | None = None
    material: dict[str, JSON] = field(default_factory=dict)
    after: int | None = None
    asked: tuple[str, ...] = ()

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question and its answer."""

    question: str
    answer: str

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """
    The next message of the simulated user: its text, or the messages for a model that writes it.

    Without either, the conversation ends.
    """

    text: str | None = None
    ask: tuple[Message, ...] = ()

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One exported row of a dataset.

    ``data`` is the content for the user; it contains no times, run ids or paths.
    """

    id: str
    index: int
    data: dict[str, JSON]

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """
    The dataset that a storage receives.

    Attributes:
        run: The id of the run, in hexadecimal: the same when the run is resumed, and another for another run.
        writer: The process that delivers the rows. Two writers of one run never deliver the same row.
        name: The name of the dataset, for people and for names of files and tables.
        content: What the rows contain: conversations under ``messages``, or structured values under ``value``.
        schema: The JSON schema of ``data`` of the rows: an object whose ``properties`` name all fields.
        rows: Number of rows that the run will have.
    """

    run: str
    writer: str = "0"
    name: str
    content: Literal["messages", "value"]
    schema: dict[str, JSON]
    rows: int

    __repr__ = short_repr
