"""Entries of a journal as columns: kind, row, turn and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from zlib import crc32

from pydantic_core import from_json, to_json

from budwood.types import Row, Turn
from budwood_generation.errors import JournalError
from budwood_generation.journal.records import (
    BatchSent,
    CallDone,
    Delivered,
    Entry,
    Header,
    Note,
    RowDone,
    RowFailed,
    Stage,
    Totals,
    TurnDone,
)

HEADER: Final = 0
STAGE: Final = 1
CALL: Final = 2
TURN: Final = 3
ROW: Final = 4
FAILURE: Final = 5
BATCH: Final = 6
DELIVERED: Final = 7
NOTE: Final = 8

ONCE: Final = frozenset({STAGE, TURN, ROW, BATCH, DELIVERED})
"""Kinds of which there is one entry for each row and turn; the first one stays."""

_MAX: Final = 2**63
"""Limit of an integer in SQLite."""


@dataclass(frozen=True, slots=True)
class Columns:
    """
    An entry as it is stored.

    Attributes:
        kind: The kind of the entry.
        row: The index of the row; for batches a sequence number.
        turn: The number of the turn, or 0.
        data: All else, as JSON.
    """

    kind: int
    row: int
    turn: int
    data: str

    def checksum(self, seq: int) -> int:
        """Return the CRC-32 of the entry with its sequence number."""
        return crc32(f"{seq} {self.kind} {self.row} {self.turn} {self.data}".encode())


def encode(entry: Entry) -> Columns:
    """
    Encode an entry.

    Raises:
        JournalError: The entry has a value that cannot be stored.
    """
    try:
        kind, row, turn, data = _encode(entry)
        columns = Columns(kind, row, turn, to_json(data).decode())
    except (TypeError, ValueError) as error:
        raise JournalError(f"A {type(entry).__name__} cannot be stored: {error}.") from error
    if not (0 <= row < _MAX and 0 <= turn < _MAX):
        raise JournalError(f"A {type(entry).__name__} cannot be stored: row {row}, turn {turn}.")
    return columns


def _encode(entry: Entry) -> tuple[int, int, int, object]:
    match entry:
        case CallDone():
            return CALL, entry.index, entry.turn, _fields(entry, skipped=("index", "turn"))
        case TurnDone():
            return TURN, entry.index, entry.number, [entry.turn.question, entry.turn.answer]
        case RowDone(row):
            return ROW, row.index, 0, [row.id, row.data]
        case RowFailed():
            return FAILURE, entry.index, 0, _fields(entry, skipped=("index",))
        case BatchSent(until=until):
            return BATCH, until, 0, None
        case Delivered(until=until):
            return DELIVERED, until, 0, None
        case Note():
            return NOTE, entry.number, 0, entry.text
        case Header():
            return HEADER, 0, 0, _fields(entry)
        case Stage():
            return STAGE, entry.first, 0, _fields(entry)


def _fields(entry: Entry, skipped: tuple[str, ...] = ()) -> dict[str, object]:
    names = [name for name in entry.__dataclass_fields__ if name not in skipped]
    return {name: value for name in names if (value := getattr(entry, name)) is not None}


def decode_call(row: int, turn: int, data: str) -> CallDone:
    """Decode a call."""
    fields: dict[str, Any] = from_json(data)
    if "cost" in fields:
        fields["cost"] = Decimal(fields["cost"])
    return CallDone(index=row, turn=turn, **fields)


def decode_turn(data: str) -> Turn:
    """Decode a turn."""
    question, answer = from_json(data)
    return Turn(question=question, answer=answer)


def decode_row(row: int, data: str) -> Row:
    """Decode a row."""
    row_id, content = from_json(data)
    return Row(id=row_id, index=row, data=content)


def decode_failure(row: int, data: str) -> RowFailed:
    """Decode a failure."""
    return RowFailed(index=row, **from_json(data))


def decode_header(data: str | bytes) -> Header:
    """Decode a header."""
    fields: dict[str, Any] = from_json(data)
    return Header(**fields | {"models": tuple(fields["models"])})


def decode_stage(data: str | bytes) -> Stage:
    """Decode a stage."""
    fields: dict[str, Any] = from_json(data)
    return Stage(**fields | {"passages": tuple(fields["passages"])})


def decode_note(data: str) -> str:
    """Decode the text of a note."""
    return str(from_json(data))


def decode_totals(data: str | bytes) -> Totals:
    """Decode totals."""
    fields: dict[str, Any] = from_json(data)
    if fields.get("cost") is not None:
        fields["cost"] = Decimal(fields["cost"])
    return Totals(**fields)
