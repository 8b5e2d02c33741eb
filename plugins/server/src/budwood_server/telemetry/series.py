"""Calls over time in the form of the API: one point for each interval, also for those without calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from budwood.types import CallFilter, UsageTotals
from budwood_server.api_models.moments import Moment, from_seconds
from budwood_server.telemetry.dimensions import to_stored
from budwood_server.telemetry.forms import Dollars, Sums, add_totals, add_up
from budwood_server.telemetry.reading import CallReader, check_groups
from budwood_server.telemetry.timeline import Timeline
from budwood_usage.database import Figures, Interval, find_quantile

QUANTILES: Final = (0.5, 0.95)


class SeriesSums(BaseModel):
    """
    The sums over the calls of an interval.

    Attributes:
        calls: The number of calls; ``errors`` are those that failed, ``cached`` those that the cache answered.
        input_tokens: Tokens, as far as they are known; ``output_tokens`` as well.
        cost: The cost in US dollars, as far as it is known.
        unknown_costs: The number of calls whose cost is not complete.
    """

    calls: int = 0
    errors: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Dollars = Decimal(0)
    unknown_costs: int = 0


class Point(SeriesSums):
    """
    The calls of an interval.

    Attributes:
        start: The start of the interval, in UTC.
        p50: The median duration in seconds of calls that succeeded without the cache; null without such calls.
        p95: The duration in seconds that 95 % of them do not exceed, or null.
    """

    start: Moment
    p50: float | None = None
    p95: float | None = None


class GroupSeries(BaseModel):
    """
    The calls of a group over time.

    Attributes:
        value: What they have in common; null for all calls that no other group has.
        points: The sums of each interval.
    """

    value: str | None
    points: list[SeriesSums]


class Series(BaseModel):
    """
    Calls over time.

    Attributes:
        since: The start of the first interval, in UTC.
        until: The end of the last one, in UTC. It may not be over yet.
        step: The length of an interval in seconds.
        points: The intervals, the earliest first.
        total: The sums over all intervals.
        p50: The median duration in seconds over all intervals, as in a point; null without calls.
        p95: Likewise the duration that 95 % do not exceed.
        groups: The largest groups, the largest first, and then one for all other calls if there are any. Empty if the
            request names no dimension.
    """

    since: Moment
    until: Moment
    step: int
    points: list[Point]
    total: Sums
    p50: float | None
    p95: float | None
    groups: list[GroupSeries]


@dataclass(frozen=True, slots=True)
class History:
    """
    The calls of the intervals of a timeline.

    Attributes:
        timeline: The intervals.
        figures: The figures of each.
    """

    timeline: Timeline
    figures: Sequence[Figures]

    def sum_groups(self, dimension: str) -> Sequence[UsageTotals]:
        """
        Return the sums over each group of a dimension of the calls.

        Raises:
            ProblemError: There are more than `budwood_server.telemetry.reading.MAX_GROUPS`.
        """
        found: defaultdict[str | None, list[UsageTotals]] = defaultdict(list)
        for each in self.figures:
            for value, totals in each.groups[to_stored(dimension)].items():
                found[value].append(totals)
            check_groups(len(found))
        return [add_totals(parts, (value,)) for value, parts in found.items()]

    def find_quantiles(self) -> Sequence[float | None]:
        """Return the `QUANTILES` of the durations over all intervals."""
        columns = [each.durations for each in self.figures]
        return [find_quantile(columns, quantile) for quantile in QUANTILES]


async def read_history(
    records: CallReader, where: CallFilter, timeline: Timeline, dimensions: Sequence[str] = ()
) -> History:
    """
    Return the calls of the intervals of a timeline.

    Args:
        records: Reads the records.
        where: Selects the calls.
        timeline: The intervals.
        dimensions: The dimensions whose groups are needed.
    """
    return History(timeline, await records.read_figures(timeline.intervals, where, dimensions))


def make_series(history: History, dimension: str | None = None, values: Sequence[str] = ()) -> Series:
    """
    Return calls over time.

    Args:
        history: The calls.
        dimension: The dimension of groups that have series, or None.
        values: The values of these groups. All other calls are one group.
    """
    timeline = history.timeline
    p50, p95 = history.find_quantiles()
    return Series(
        since=from_seconds(timeline.start),
        until=from_seconds(timeline.end),
        step=timeline.step,
        points=[_make_point(*each) for each in zip(timeline.intervals, history.figures, strict=True)],
        total=add_up([each.total for each in history.figures]),
        p50=p50,
        p95=p95,
        groups=[] if dimension is None else _make_groups(history, to_stored(dimension), values),
    )


def _make_point(interval: Interval, figures: Figures) -> Point:
    p50, p95 = (find_quantile([figures.durations], quantile) for quantile in QUANTILES)
    values = _to_values(figures.total)
    return Point.model_construct(start=from_seconds(interval.since), p50=p50, p95=p95, **values)


def _make_groups(history: History, group: str, values: Sequence[str]) -> list[GroupSeries]:
    points: dict[str | None, list[SeriesSums]] = {value: [] for value in (*values, None)}
    for each in history.figures:
        found = each.groups[group]
        others = [totals for value, totals in found.items() if value is None or value not in points]
        for value in values:
            points[value].append(SeriesSums(**_to_values(found[value])) if value in found else SeriesSums())
        points[None].append(SeriesSums(**_to_values(add_totals(others))))
    if not any(point.calls for point in points[None]):
        del points[None]
    return [GroupSeries(value=value, points=each) for value, each in points.items()]


def _to_values(totals: UsageTotals) -> dict[str, Any]:
    return {name: getattr(totals, name) for name in SeriesSums.model_fields}
