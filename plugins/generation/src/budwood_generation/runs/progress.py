"""Progress of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from budwood import logs
from budwood_generation.journal import CallDone, Entry, RowDone, RowFailed, Totals, TurnDone


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """
    Progress of a run.

    Rows and turns include those of earlier sessions, and so does ``total_cost``; all other values are of this session.
    Rates and times are computed from the turns of this session, since a row may have been started earlier.

    Attributes:
        rows_done: Number of finished rows, of ``rows``.
        turns_done: Number of finished turns, of ``turns``.
        calls: Number of calls that were paid, also those whose reply was rejected.
        rejected: Number of calls whose reply was rejected.
        errors: Number of failed rows.
        input_tokens: Tokens sent, or None if unknown.
        output_tokens: Tokens received, or None if unknown.
        cost: US dollars, or None if unknown.
        total_cost: US dollars of all sessions, or None if unknown.
        seconds: Time since the start.
        waiting: Why calls wait for an endpoint; None if they do not.
        silent_seconds: Time since the last call has ended while others are in flight, if that is long; otherwise 0.
        storage_problem: Why rows cannot be stored; None if they can. They are in the journal, and calls continue.
        paused_seconds: Time in which calls of a model had to wait for its endpoint.
        is_stopping: Whether the run ends after the calls in flight.
        notes: What makes the run slower or more expensive than it could be, with what to do.
        rows_per_second: Rate, or None before the first turn.
        seconds_left: Estimated remaining time, or None before the first turn.
    """

    rows_done: int
    rows: int
    turns_done: int
    turns: int
    calls: int
    errors: int
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    seconds: float
    rows_per_second: float | None
    seconds_left: float | None
    rejected: int = 0
    total_cost: Decimal | None = None
    waiting: str | None = None
    silent_seconds: float = 0.0
    storage_problem: str | None = None
    paused_seconds: float = 0.0
    is_stopping: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """
    A model whose endpoint is unavailable.

    Attributes:
        model: The model, as ``provider/model``.
        reason: The last error.
        seconds: Time until the next call.
    """

    model: str
    reason: str
    seconds: float

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.model} is unavailable, next call in {self.seconds:.0f} s: {self.reason}"


class ExitRequest(Exception):  # noqa: N818 - not an error
    """
    The function that receives the progress ends the program.

    Attributes:
        reason: What it raised.
    """

    def __init__(self, reason: BaseException) -> None:
        super().__init__(repr(reason))
        self.reason = reason


class Meter:
    """
    Counts finished work, and reports progress.

    Args:
        before: Totals of earlier sessions.
        rows: Total number of rows.
        turns: Total number of turns.
        report: Called after every change.
        notes: As in `Progress`.
        monotonic: Returns the time in seconds.

    Attributes:
        totals: The totals of all sessions.
        errors: Number of rows that failed in this session.
    """

    def __init__(
        self,
        before: Totals,
        rows: int,
        turns: int,
        report: Callable[[Progress], None] | None,
        *,
        notes: tuple[str, ...] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.before = before
        self.totals = before
        self.errors = 0
        self._session = Totals()
        self._rows = rows
        self._turns = turns
        self._report = report
        self._notes = notes
        self._monotonic = monotonic
        self._started = monotonic()
        self._waiting: Sequence[Waiting] = ()
        self._silent_seconds = 0.0
        self._storage_problem: str | None = None
        self._paused_since: float | None = None
        self._paused_seconds = 0.0
        self._is_stopping = False

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._monotonic() - self._started

    @property
    def session(self) -> Totals:
        """What was finished in this session."""
        return self._session

    @property
    def paused_seconds(self) -> float:
        """Seconds in which calls of a model had to wait for its endpoint."""
        current = 0.0 if self._paused_since is None else self._monotonic() - self._paused_since
        return self._paused_seconds + current

    def count(self, *entries: Entry) -> None:
        """Count committed entries, and report."""
        self._silent_seconds = 0.0
        for entry in entries:
            if isinstance(entry, RowFailed):
                self.errors += 1
            elif isinstance(entry, CallDone | TurnDone | RowDone):
                self.totals = self.totals.add(entry)
                self._session = self._session.add(entry)
        self._send()

    def wait(self, waiting: Sequence[Waiting]) -> None:
        """Report and log the models whose calls wait; none if the run continues."""
        self._paused_seconds = self.paused_seconds
        self._paused_since = self._monotonic() if waiting else None
        self._waiting = waiting
        self._silent_seconds = 0.0
        for one in waiting:
            logs.emit("run waiting", level="warning", model=one.model, reason=one.reason, seconds=round(one.seconds, 1))
        if not waiting:
            logs.emit("run continued", paused_seconds=round(self._paused_seconds, 1))
        self._send()

    def report_silence(self, seconds: float) -> None:
        """Report that calls are in flight, but none has ended for some time."""
        self._silent_seconds = seconds
        self._send()

    def stop(self) -> None:
        """Report that the run ends after the calls in flight."""
        self._is_stopping = True
        self._send()

    def report_storage(self, problem: str | None) -> None:
        """Report that the storage fails, and why; None if it works again."""
        self._storage_problem = problem
        self._send()

    def progress(self) -> Progress:
        """Return the current progress."""
        seconds, session = self.seconds, self._session
        turns = session.turns
        return Progress(
            rows_done=self.totals.rows,
            rows=self._rows,
            turns_done=self.totals.turns,
            turns=self._turns,
            calls=session.calls,
            rejected=session.rejected,
            errors=self.errors,
            input_tokens=session.input_tokens,
            output_tokens=session.output_tokens,
            cost=session.cost,
            total_cost=self.totals.cost,
            seconds=seconds,
            waiting="; ".join(map(str, self._waiting)) or None,
            silent_seconds=self._silent_seconds,
            storage_problem=self._storage_problem,
            paused_seconds=self.paused_seconds,
            is_stopping=self._is_stopping,
            notes=self._notes,
            rows_per_second=turns * self._rows / self._turns / seconds if turns and seconds else None,
            seconds_left=(self._turns - self.totals.turns) * seconds / turns if turns else None,
        )

    def _send(self) -> None:
        """Report the progress. If the function fails, it is not called again, since its error stops the run."""
        report, self._report = self._report, None
        if report is None:
            return
        try:
            report(self.progress())
        except (KeyboardInterrupt, SystemExit) as error:  # in any task, these would end the event loop at once
            raise ExitRequest(error) from error
        self._report = report
