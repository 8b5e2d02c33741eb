"""Days and months, in which budgets and limits are counted."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo
from typing import Literal


def period_of(now: float, per: Literal["day", "month"], timezone: tzinfo) -> tuple[datetime, datetime]:
    """
    Return the start and the end of the day or month at a time.

    Args:
        now: Seconds since 1970.
        per: The length of the period.
        timezone: The time zone in which it begins and ends, at midnight.
    """
    today = datetime.fromtimestamp(now, timezone).date()
    first = today if per == "day" else today.replace(day=1)
    following = first + timedelta(days=1 if per == "day" else 31)
    following = following if per == "day" else following.replace(day=1)
    midnight = time(tzinfo=timezone)
    return datetime.combine(first, midnight), datetime.combine(following, midnight)
