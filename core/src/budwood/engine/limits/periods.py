"""Days, weeks and months, in which budgets and limits are counted."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo
from typing import Final, Literal

CalendarPeriod = Literal["day", "week", "month"]

CALENDAR_PERIODS: Final[tuple[CalendarPeriod, ...]] = ("day", "week", "month")

_DAYS: Final = {"day": 1, "week": 7, "month": 31}


def period_of(now: float, per: CalendarPeriod, timezone: tzinfo) -> tuple[datetime, datetime]:
    """
    Return the start and the end of the day, the week or the month at a time.

    Args:
        now: Seconds since 1970.
        per: The length of the period. A week begins on Monday, as in ISO 8601.
        timezone: The time zone in which it begins and ends, at midnight.
    """
    first = today = datetime.fromtimestamp(now, timezone).date()
    if per == "week":
        first = today - timedelta(days=today.weekday())
    elif per == "month":
        first = today.replace(day=1)
    following = first + timedelta(days=_DAYS[per])
    following = following.replace(day=1) if per == "month" else following
    midnight = time(tzinfo=timezone)
    return datetime.combine(first, midnight), datetime.combine(following, midnight)
