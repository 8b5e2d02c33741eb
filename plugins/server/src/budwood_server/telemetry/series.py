"""Calls over time in the form of the API: one point for each interval, also for those without calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from pydantic import BaseModel

from budwood.types import CallFilter, UsageTotals
from budwood_server.telemetry.forms import Dollars, Sums, add_up
from budwood_server.telemetry.reading import CallReader
from budwood_server.telemetry.timeline import Timeline
from budwood_usage.database import IntervalSums

QUANTILES: Final = (0.5, 0.95)


class SeriesSums(BaseModel):
    """
    The sums over the calls of an interval.

    Attributes:
        calls: The number of calls; ``errors`` are those that failed, ``cached`` those that the cache answered.
        input_tokens: Tokens, as far as they are known; ``output_tokens`` as well.
        cost: The cost in US dollars, as far as it is known.
    """

    calls: int = 0
    errors: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Dollars = Decimal(0)


class Point(SeriesSums):
    """
    The calls of an interval.

    Attributes:
        start: The start of the interval, in UTC.
        p50: The median duration in seconds of calls that succeeded without the cache; null without such calls.
        p95: The duration in seconds that 95 % of them do not exceed, or null.
    """

    start: datetime
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

    since: datetime
    until: datetime
    step: int
    points: list[Point]
    total: Sums
    p50: float | None
    p95: float | None
    groups: list[GroupSeries]


class Grouping(NamedTuple):
    """
    How a series is grouped.

    Attributes:
        dimension: The dimension, or None.
        values: The values that have a group of their own.
    """

    dimension: str | None = None
    values: Sequence[str] = ()


UNGROUPED: Final = Grouping()


async def read_series(
    records: CallReader, where: CallFilter, timeline: Timeline, grouping: Grouping = UNGROUPED
) -> Series:
    """
    Return calls over time.

    Args:
        records: Reads the records.
        where: Selects the calls.
        timeline: The intervals.
        grouping: The groups.
    """
    sums = await records.sum_intervals(timeline.intervals, where, grouping.dimension, grouping.values)
    timed = [0] * timeline.count
    for each in sums:
        timed[each.interval] += each.timed
    durations = await records.find_durations(timeline.intervals, timed, where, QUANTILES)
    ((p50, p95),) = await records.find_durations([timeline.whole], [sum(timed)], where, QUANTILES)
    return Series(
        since=_to_moment(timeline.start),
        until=_to_moment(timeline.end),
        step=timeline.step,
        points=_make_points(timeline, sums, durations),
        total=add_up([each.totals for each in sums]),
        p50=p50,
        p95=p95,
        groups=_make_groups(timeline.count, sums, grouping),
    )


async def find_top(records: CallReader, where: CallFilter, timeline: Timeline, dimension: str) -> Sequence[UsageTotals]:
    """Return the sums over the groups of a dimension, those with the highest cost first, then with the most calls."""
    whole = timeline.whole
    within = replace(
        where,
        since=whole.since if where.since is None else max(where.since, whole.since),
        until=whole.until if where.until is None else min(where.until, whole.until),
    )
    return sorted(await records.sum([dimension], within), key=lambda totals: (-totals.cost, -totals.calls))


def _make_points(
    timeline: Timeline, sums: Sequence[IntervalSums], durations: Sequence[Sequence[float | None]]
) -> list[Point]:
    points = []
    for index, (interval, quantiles) in enumerate(zip(timeline.intervals, durations, strict=True)):
        values = _add_up(each.totals for each in sums if each.interval == index)
        p50, p95 = quantiles
        points.append(Point(start=_to_moment(interval.since), p50=p50, p95=p95, **values.model_dump()))
    return points


def _make_groups(count: int, sums: Sequence[IntervalSums], grouping: Grouping) -> list[GroupSeries]:
    if grouping.dimension is None:
        return []
    found = {(each.interval, each.value): each.totals for each in sums}
    names: list[str | None] = [*grouping.values]
    if any(value is None for _, value in found):
        names.append(None)
    return [
        GroupSeries(value=name, points=[_add_up(filter(None, [found.get((index, name))])) for index in range(count)])
        for name in names
    ]


def _add_up(totals: Iterable[UsageTotals]) -> SeriesSums:
    rows = [*totals]
    if not rows:
        return SeriesSums()
    return SeriesSums.model_validate(
        {name: sum(getattr(row, name) for row in rows) for name in SeriesSums.model_fields}
    )


def _to_moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
