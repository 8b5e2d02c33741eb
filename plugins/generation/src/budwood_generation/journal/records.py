"""The records in a journal. Rows are named by their index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from budwood.types import Row, Turn
from budwood.types.record import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """
    A run.

    Attributes:
        run: The id of the run, in hexadecimal: the same when the run is resumed. Empty before the journal is created.
        spec: The validated specification of the last start, without credentials.
        root: The folder of the specification, relative to the folder of the run, so that both can be moved together.
        identity: What determines the prompts, by key. It does not change when the run is resumed.
        models: The models that are called.
    """

    run: str = ""
    spec: dict[str, JSON]
    root: str
    identity: dict[str, JSON]
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """
    Rows that were planned together. Adding rows to a run begins a stage.

    Attributes:
        first: The index of its first row.
        rows: Number of its rows.
        documents: The SHA-256 of all documents that are known in this stage, by name; those of earlier stages first.
        passages: Number of passages of each document, in the same order.
        turns: Number of turns that are planned, each a question and an answer.
        digest: A hash of some of its cells, to detect that they are computed in another way.
    """

    first: int
    rows: int
    documents: dict[str, str]
    passages: tuple[int, ...]
    turns: int
    digest: str

    @property
    def end(self) -> int:
        """The index after its last row."""
        return self.first + self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDone:
    """
    A call that was answered, also if the reply cannot be used: it was paid.

    Attributes:
        index: The row.
        turn: The number of the turn.
        purpose: "ask", "answer" or "value".
        attempt: The number of the try, from 0.
        digest: A hash of the request.
        model: The model that answered, as ``provider/model``.
        text: The text of the reply.
        value: The structured value, if there is one.
        reasoning: The reasoning of the model, if it is kept.
        rejected: Why the reply cannot be used; None if it was accepted.
        input_tokens: Tokens sent, or None if unknown.
        output_tokens: Tokens received, or None if unknown.
        cost: US dollars, or None if unknown.
        started: Unix time of the request.
        seconds: Duration.
    """

    index: int
    turn: int
    purpose: str
    attempt: int = 0
    digest: str
    model: str = ""
    text: str
    value: JSON = None
    reasoning: str | None = None
    rejected: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    started: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDone:
    """A finished turn of a row, and its number."""

    index: int
    number: int
    turn: Turn


@dataclass(frozen=True, slots=True)
class RowDone:
    """A finished row."""

    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFailed:
    """
    A row that failed. It is tried again when the run is resumed.

    Attributes:
        index: The row.
        reason: The error, for people.
        error: The name of the error's class.
        transient: Whether the same call may succeed later.
    """

    index: int
    reason: str
    error: str = ""
    transient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSent:
    """A batch of rows that goes to the storage: all rows after the last batch, up to this sequence number."""

    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The storage has all rows up to this sequence number."""

    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What the user must know about the journal: which work was lost because the file was damaged."""

    number: int
    text: str


Entry = CallDone | TurnDone | RowDone | RowFailed | BatchSent | Delivered | Header | Stage | Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """
    Rows for the storage, in the order in which they were finished.

    Attributes:
        rows: The rows.
        until: The sequence number of the last row, for `Delivered`.
    """

    rows: tuple[Row, ...]
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """
    Sums over a journal, for all sessions together.

    Attributes:
        rows: Number of finished rows.
        turns: Number of finished turns.
        calls: Number of calls that were answered, with those whose reply was rejected.
        rejected: Number of calls whose reply was rejected.
        input_tokens: The sum of known values, or None if no value is known.
        output_tokens: The same.
        cost: The same, in US dollars.
    """

    rows: int = 0
    turns: int = 0
    calls: int = 0
    rejected: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None

    def add(self, entry: Entry) -> Totals:
        """Return the totals with another entry."""
        match entry:
            case RowDone():
                return replace(self, rows=self.rows + 1)
            case TurnDone():
                return replace(self, turns=self.turns + 1)
            case CallDone():
                return replace(
                    self,
                    calls=self.calls + 1,
                    rejected=self.rejected + (entry.rejected is not None),
                    input_tokens=_add(self.input_tokens, entry.input_tokens),
                    output_tokens=_add(self.output_tokens, entry.output_tokens),
                    cost=self.cost if entry.cost is None else (self.cost or Decimal(0)) + entry.cost,
                )
            case _:
                return self


def _add(total: int | None, value: int | None) -> int | None:
    return total if value is None else (total or 0) + value


def count_rows(stages: Sequence[Stage]) -> int:
    """Return the number of rows of a run."""
    return stages[-1].end if stages else 0
