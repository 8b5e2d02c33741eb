"""The state of an open row: its next call, and what failed of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from budwood_generation.runs.calls import Call, Usage
from budwood_generation.runs.rows import OpenRow


@dataclass(slots=True, eq=False)
class RowTask:
    """
    An open row.

    Attributes:
        row: The row.
        is_second_pass: Whether the row failed before, and is tried again after all others.
        next: The next call, once it is prepared.
        attempt: The number of rejected replies to the next call, also of earlier sessions.
        first_attempt: The number of those that do not count any more, because the row was given up in between.
        failures: How often the endpoint was unavailable for the next call.
        failing_since: The time of the first of these failures.
        lost: What was paid for requests without a reply.
    """

    row: OpenRow
    is_second_pass: bool = False
    next: Call | None = None
    attempt: int = 0
    first_attempt: int = 0
    failures: int = 0
    failing_since: float = 0.0
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

    def count_failure(self, now: float) -> None:
        """Count a failure of the endpoint."""
        if not self.failures:
            self.failing_since = now
        self.failures += 1
