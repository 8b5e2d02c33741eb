"""Which intervals of time a chart has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from budwood_server.web.problems import reject
from budwood_usage.database import Interval

Period = Literal["hour", "day", "week", "month"]
"""The last 60 minutes, 24 hours, 7 days, or 30 days."""

PERIODS: Final[Sequence[Period]] = get_args(Period)

MAX_INTERVALS: Final = 60

_DAY: Final = 86_400
_STEPS: Final = (60, 300, 900, 1800, 3600, 10_800, 21_600, _DAY, 7 * _DAY)
"""The lengths of intervals in seconds. Those up to a day divide a day of UTC."""

_MONDAY: Final = 4 * _DAY
"""The first Monday since 1970, at which weeks begin."""

_PERIODS: Final[dict[Period, tuple[int, int]]] = {
    "hour": (60, 60),
    "day": (1800, 48),
    "week": (10_800, 56),
    "month": (_DAY, 30),
}
"""The length of an interval in seconds, and the number of intervals."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """
    Consecutive intervals of equal length.

    Attributes:
        start: The start of the first one, in seconds since 1970.
        step: The length of each in seconds.
        count: Their number.
    """

    start: int
    step: int
    count: int

    @property
    def end(self) -> int:
        """The end of the last one, in seconds since 1970."""
        return self.start + self.step * self.count

    @property
    def intervals(self) -> Sequence[Interval]:
        """The intervals, the earliest first."""
        starts = range(self.start, self.end, self.step)
        return [Interval(start, start + self.step) for start in starts]

    @property
    def intervals_before(self) -> Sequence[Interval]:
        """As many intervals before the first one."""
        return replace(self, start=2 * self.start - self.end).intervals


def find_timeline(period: Period, now: float) -> Timeline:
    """Return the intervals of a period that ends with the interval of now."""
    step, count = _PERIODS[period]
    end = (int(now // step) + 1) * step
    return Timeline(end - step * count, step, count)


def fit_timeline(since: float, until: float) -> Timeline:
    """
    Return at most `MAX_INTERVALS` intervals that cover a time, with a length that is a round number.

    Args:
        since: The start, in seconds since 1970.
        until: The end, likewise.

    Raises:
        ProblemError: 400: the end is not after the start.
    """
    if until <= since:
        raise reject("until must be after since.", param="until")
    for step in _STEPS:
        if (found := _cover(since, until, step)).count <= MAX_INTERVALS:
            return found
    weeks = math.ceil((until - since) / (7 * _DAY) / (MAX_INTERVALS - 1))
    return _cover(since, until, weeks * 7 * _DAY)


def _cover(since: float, until: float, step: int) -> Timeline:
    origin = _MONDAY if step > _DAY else 0
    start = math.floor((since - origin) / step) * step + origin
    return Timeline(start, step, math.ceil((until - start) / step))
