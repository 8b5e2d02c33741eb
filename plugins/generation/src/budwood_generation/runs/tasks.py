"""The state of an open row: its next call, and what failed of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from budwood.errors import BudwoodError
from budwood_generation.runs.calls import Call, Usage
from budwood_generation.runs.rows import OpenRow


class SetAside(NamedTuple):
    """
    A row that is tried again at the end of the run.

    Attributes:
        is_suspect: As in `RowTask`.
        lost: As in `RowTask`.
    """

    is_suspect: bool
    lost: Usage


@dataclass(slots=True, eq=False)
class RowTask:
    """
    An open row.

    Attributes:
        row: The row.
        is_second_pass: Whether the row failed before, and is tried again after all others.
        is_suspect: Whether the row may be the cause of failures of the endpoint, because it answered other calls
            meanwhile, the row failed in an earlier session, or few rows are left.
        next: The next call, once it is prepared.
        attempt: The number of rejected replies to the next call, also of earlier sessions.
        first_attempt: The number of those that do not count any more, because the row was given up in between.
        failures: How often the endpoint was unavailable for the next call.
        failing_since: The time of the first of these failures.
        answered_before: The number of calls that the endpoint had answered at that time.
        error: The last of these failures.
        lost: What was paid for requests without a reply.
    """

    row: OpenRow
    is_second_pass: bool = False
    is_suspect: bool = False
    next: Call | None = None
    attempt: int = 0
    first_attempt: int = 0
    failures: int = 0
    failing_since: float = 0.0
    answered_before: int = 0
    error: BudwoodError | None = None
    lost: Usage = field(default_factory=Usage)

    @property
    def index(self) -> int:
        """The index of the row."""
        return self.row.cell.index

    @property
    def is_started(self) -> bool:
        """Whether a call is finished."""
        return self.row.is_started

    @property
    def calls_left(self) -> int:
        """The number of calls that the row still needs at most."""
        return self.row.calls_left

    @property
    def call(self) -> Call:
        """The next call, which must be prepared."""
        assert self.next is not None  # noqa: S101 - the scheduler returns prepared rows only
        return self.next

    @property
    def model(self) -> str:
        """The model of the next call."""
        return self.call.request.model

    def prepare(self, call: Call, rejected: int, *, counts_earlier: bool) -> None:
        """Set the next call, to which this number of replies were rejected."""
        self.next = call
        self.attempt = rejected
        self.first_attempt = 0 if counts_earlier else rejected
        self.failures = 0

    def count_failure(self, now: float, answered: int) -> None:
        """Count a failure of the endpoint, which has answered this number of calls."""
        if not self.failures:
            self.failing_since, self.answered_before = now, answered
        self.failures += 1
