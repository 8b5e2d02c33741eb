"""Reporting which endpoints a run waits for, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from budwood_generation.runs.calls import describe
from budwood_generation.runs.gate import Gate, Pause
from budwood_generation.runs.progress import Meter, Waiting
from budwood_generation.runs.tasks import RowTask

MIN_SECONDS: Final = 1.0
"""The shortest delay of the last rows that is reported."""

SILENT_SECONDS: Final = 30.0
"""Seconds without a reply after which a run reports that, repeatedly."""


@dataclass(frozen=True, slots=True)
class _Wait:
    pause: Pause
    answered: int


class Waits:
    """
    Reports the models whose calls wait, when that changes.

    Args:
        gates: The gate of each model.
        meter: Reports it.
    """

    def __init__(self, gates: Mapping[str, Gate], meter: Meter) -> None:
        self._gates = gates
        self._meter = meter
        self._waits: dict[str, _Wait] = {}

    def report(self, now: float, delayed: tuple[float, RowTask] | None) -> None:
        """
        Report what calls wait for.

        Args:
            now: The time.
            delayed: If no call is in flight: the time of the next delayed call, and its row.
        """
        waits = {model: wait for model, gate in self._gates.items() if (wait := self._find_wait(model, gate))}
        if delayed is not None:
            until, task = delayed
            is_long = until >= now + MIN_SECONDS
            if is_long and task.error is not None and self._gates[task.model].pause is None:
                pause = Pause(task.failing_since, until, task.error)
                waits[task.model] = _Wait(pause, self._gates[task.model].successes)
        self._set(waits, now)

    def end(self) -> None:
        """Report that no call waits any more."""
        self._set({}, 0.0)

    def _set(self, waits: dict[str, _Wait], now: float) -> None:
        if waits == self._waits:
            return
        self._waits = waits
        pauses = {model: wait.pause for model, wait in waits.items()}
        self._meter.wait(
            [Waiting(model, describe(pause.error), max(pause.until - now, 0.0)) for model, pause in pauses.items()]
        )

    def _find_wait(self, model: str, gate: Gate) -> _Wait | None:
        """Return the pause of a gate, or a wait that was reported, until a call succeeds."""
        if gate.pause is not None:
            return _Wait(gate.pause, gate.successes)
        before = self._waits.get(model)
        return before if before is not None and before.answered == gate.successes else None


class Silence:
    """
    Reports that calls are in flight, but none has ended for a while: the endpoint may hang.

    Args:
        meter: Reports it.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._since = 0.0
        self._next = 0.0

    def restart(self, now: float) -> None:
        """Measure from now, when a call has ended, or is sent after a time without any."""
        self._since, self._next = now, now + SILENT_SECONDS

    def report(self, now: float) -> float:
        """Report the silence if it is time. Returns the time of the next report."""
        if now >= self._next:
            self._next += SILENT_SECONDS
            self._meter.report_silence(now - self._since)
        return self._next
