"""What a journal holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from budwood.types import Row, Turn
from budwood.types.record import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """
    What a run is: the same header, the same rows.

    Attributes:
        fingerprint: A hash of all that decides what the rows will be.
        spec: The specification, as it was validated.
        root: Its folder, relative to the folder of the run, so that both can be moved together.
        plugins: The settings of the strategy and the modifiers.
        documents: The SHA-256 of each document.
        models: The models that are asked.
        rows: How many rows are wanted; ``turns`` and ``calls`` are what that takes.
    """

    fingerprint: str
    spec: dict[str, JSON]
    root: str
    plugins: dict[str, JSON]
    documents: dict[str, str]
    models: tuple[str, ...]
    rows: int
    turns: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDone:
    """
    A finished call: the ``purpose`` ("ask" or "answer") of one turn of one row.

    ``digest`` is a hash of what was asked. Unknown tokens and costs are None.
    """

    row_id: str
    turn: int
    purpose: str
    digest: str
    text: str
    value: JSON = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDone:
    """A finished turn, number ``number`` of its row."""

    row_id: str
    number: int
    turn: Turn


@dataclass(frozen=True, slots=True)
class RowDone:
    """A finished row."""

    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFailed:
    """A row that could not be made, and why; it is tried again when the run is resumed."""

    row_id: str
    index: int
    reason: str


Entry = CallDone | TurnDone | RowDone | RowFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a journal holds, counted. Sums of tokens and costs are of what is known, and None where nothing is."""

    rows: int = 0
    turns: int = 0
    calls: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    failures: dict[int, str] = field(default_factory=dict)
