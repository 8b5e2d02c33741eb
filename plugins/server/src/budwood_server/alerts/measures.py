"""What rules measure: values of the calls in a sliding window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import floor
from typing import TYPE_CHECKING, Final, NamedTuple

from budwood_server.telemetry.forms import add_totals
from budwood_server.telemetry.kept import KeptFigures
from budwood_usage.database import Figures, Interval, find_quantile

if TYPE_CHECKING:
    from budwood.types import UsageTotals
    from budwood_server.alerts.rules import AlertRule, Metric
    from budwood_server.database import Database

STEPS: Final = 60
"""The number of intervals of a window. It slides by one of them at a time, so that only new calls are read again."""

MAX_BYTES: Final = 64 * 2**20
"""About how much memory the figures of windows take at most: durations of eight million calls."""

_QUANTILE: Final = 0.95


class Measured(NamedTuple):
    """
    What was measured.

    Attributes:
        value: The value; None without calls, unless it is a sum.
        calls: The number of calls that it is about.
    """

    value: float | None
    calls: int


class Measures:
    """
    Measures the calls of one database. Figures of intervals are kept in memory.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept = KeptFigures(MAX_BYTES, notices_removal=False)

    async def measure(self, rule: AlertRule, now: float) -> Measured:
        """
        Return the value of a rule at a moment.

        Raises:
            DatabaseError: The database cannot be used.
        """
        has_durations = rule.metric == "p95_latency"
        intervals = list_intervals(rule.window, now)
        async with self._database.read() as connection:
            figures = await self._kept.read(
                connection, intervals, rule.select_calls(), (), with_durations=has_durations
            )
        if has_durations:
            return _measure_latency(figures)
        return _MEASURES[rule.metric](add_totals(each.total for each in figures))


def list_intervals(window: float, now: float) -> Sequence[Interval]:
    """Return the intervals of a window that ends at a moment. The last one is under way."""
    step = window / STEPS
    last = floor(now / step)
    return [Interval(number * step, (number + 1) * step) for number in range(last - STEPS + 1, last + 1)]


def _measure_latency(figures: Sequence[Figures]) -> Measured:
    columns = [each.durations for each in figures]
    return Measured(find_quantile(columns, _QUANTILE), sum(map(len, columns)))


def _measure_successes(total: UsageTotals) -> Measured:
    return Measured((total.calls - total.errors) / total.calls if total.calls else None, total.calls)


def _measure_errors(total: UsageTotals) -> Measured:
    return Measured(total.errors / total.calls if total.calls else None, total.calls)


_MEASURES: Final[Mapping[Metric, Callable[[UsageTotals], Measured]]] = {
    "success_rate": _measure_successes,
    "error_rate": _measure_errors,
    "cost": lambda total: Measured(float(total.cost), total.calls),
    "tokens": lambda total: Measured(float(total.input_tokens + total.output_tokens), total.calls),
    "calls": lambda total: Measured(float(total.calls), total.calls),
}
