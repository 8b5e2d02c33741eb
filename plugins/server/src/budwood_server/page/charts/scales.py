"""Round numbers and times for the axes of charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

MAX_STEPS: Final = 4
"""The number of parts into which ticks divide an axis of values."""

MAX_TICKS: Final = 7
"""The number of ticks on an axis of time."""

_SMALLEST: Final = 1e-6
"""The highest tick at least, so that ticks are distinct numbers."""

_DAY: Final = 86_400
_DISTANCES: Final = (600, 1800, 3600, 10_800, 14_400, 21_600, _DAY, 2 * _DAY, 5 * _DAY, 7 * _DAY)
"""The distances of ticks in seconds."""


class TimeTick(NamedTuple):
    """
    A tick on an axis of time.

    Attributes:
        interval: The index of the interval at whose start it is.
        text: Its label.
    """

    interval: int
    text: str


def find_ticks(maximum: float, *, is_whole: bool = False) -> Sequence[float]:
    """
    Return ticks from zero to at least a value: multiples of 1, 2, 2.5 or 5 times a power of ten.

    Args:
        maximum: The highest value. Without a positive one, the axis ends at 1.
        is_whole: Whether only integers are ticks, as for counts.
    """
    top = max(maximum, _SMALLEST) if math.isfinite(maximum) and maximum > 0 else 1.0
    step = _round_up(top / MAX_STEPS, is_whole=is_whole)
    count = max(math.ceil(top / step - 1e-9), 1)
    return [round(number * step, 12) for number in range(count + 1)]


def _round_up(value: float, *, is_whole: bool) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    if is_whole and power < 1:
        return 1.0
    factors = (1, 2, 5, 10) if is_whole and power == 1 else (1, 2, 2.5, 5, 10)
    return next(factor * power for factor in factors if factor * power >= value * (1 - 1e-9))


def find_time_ticks(starts: Sequence[datetime]) -> Sequence[TimeTick]:
    """Return at most `MAX_TICKS` ticks at round times of UTC, for intervals of equal length."""
    seconds = [int(start.timestamp()) for start in starts]
    span = seconds[-1] - seconds[0] if seconds else 0
    distance = next((each for each in _DISTANCES if span // each < MAX_TICKS), None)
    if distance is not None and distance <= _DAY:
        chosen = [index for index, start in enumerate(seconds) if start % distance == 0]
    else:
        every = math.ceil(len(seconds) / MAX_TICKS)
        chosen = list(range(len(seconds) - 1 - every // 2, -1, -every))[::-1]  # none so near the end that it is moved
    return [TimeTick(index, _format_tick(starts[index], distance)) for index in chosen[-MAX_TICKS:]]


def _format_tick(start: datetime, distance: int | None) -> str:
    moment = start.astimezone(UTC)
    if distance is None:
        return f"{moment:%b %Y}"
    return f"{moment:%H:%M}" if distance < _DAY else f"{moment.day} {moment:%b}"


def format_interval(start: datetime, end: datetime) -> str:
    """Return the time of an interval, such as ``"12 Nov, 09:30 to 10:00"``, in UTC."""
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    day = f"{first.day} {first:%b}"
    length = (last - first).total_seconds()
    if length == _DAY:
        return day
    return f"{day}, {first:%H:%M} to {last:%H:%M}" if length < _DAY else f"{day} to {last.day} {last:%b}"
