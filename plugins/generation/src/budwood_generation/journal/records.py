"""The records in a journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from budwood.types import Row, Turn
from budwood.types.record import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """
    The identity of a run.

    Attributes:
        fingerprint: A hash of everything that determines the rows.
        spec: The validated specification.
        root: The folder of the specification, relative to the folder of the run, so that both can be moved together.
        plugins: Settings of the strategy and the modifiers.
        documents: The SHA-256 of each document.
        models: The models that are called.
        rows: Number of rows.
        turns: Number of turns.
        calls: Number of calls.
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
    A finished call.

    Attributes:
        row_id: The row.
        turn: The number of the turn.
        purpose: "ask", "answer" or "value".
        digest: A hash of the request.
        text: The text of the reply.
        value: The structured value, if there is one.
        input_tokens: Tokens sent, or None if unknown.
        output_tokens: Tokens received, or None if unknown.
        cost: US dollars, or None if unknown.
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
    """A finished turn, and its number in the row."""

    row_id: str
    number: int
    turn: Turn


@dataclass(frozen=True, slots=True)
class RowDone:
    """A finished row."""

    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFailed:
    """A row that failed, with the reason. It is tried again when the run is resumed."""

    row_id: str
    index: int
    reason: str


Entry = CallDone | TurnDone | RowDone | RowFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """
    Counts of the entries in a journal.

    Sums of tokens and costs cover known values, and are None if no value is known. ``failures`` are reasons by row
    index.
    """

    rows: int = 0
    turns: int = 0
    calls: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    failures: dict[int, str] = field(default_factory=dict)
