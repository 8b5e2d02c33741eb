"""Points in time as users write them: ``24h``, ``7d``, ``2026-03-31``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from budwood_cli.errors import ArgumentError

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_HINT: Final = "Write a time ago, such as 30m, 24h, 7d or 2w, or a date, such as 2026-03-31 or 2026-03-31T18:00."


def parse_moment(text: str, now: float, *, option: str) -> float:
    """
    Return a point in time, in seconds since 1970. Dates are in UTC unless they have an offset.

    Args:
        text: The time ago, or the date.
        now: The present, in seconds since 1970.
        option: The option that the user gave, for errors.

    Raises:
        ArgumentError: It is neither.
    """
    try:
        if (found := _AGO.fullmatch(text.strip())) is not None:
            return now - timedelta(**{_UNITS[found[2]]: float(found[1])}).total_seconds()
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ArgumentError(f"{option} {text!r} is not a point in time.", hint=_HINT) from None


def parse_future(text: str, now: float, *, option: str) -> float:
    """
    Return a point in time to come, in seconds since 1970. Dates are in UTC unless they have an offset.

    Args:
        text: The time from now, such as ``90d``, or the date.
        now: The present, in seconds since 1970.
        option: The option that the user gave, for errors.

    Raises:
        ArgumentError: It is neither, or it has passed.
    """
    if _AGO.fullmatch(text.strip()):
        return now + parse_duration(text, option=option)
    try:
        moment = parse_moment(text, now, option=option)
    except ArgumentError as error:
        error.hint = (
            "Write a time from now, such as 24h, 90d or 52w, or a date, such as 2026-03-31 or 2026-03-31T18:00."
        )
        raise
    if moment <= now:
        raise ArgumentError(f"{option} {text!r} has passed.", hint="Write a later date.")
    return moment


def parse_duration(text: str, *, option: str) -> float:
    """
    Return a duration, such as ``30m``, ``24h`` or ``7d``, in seconds.

    Raises:
        ArgumentError: It is none.
    """
    try:
        if (found := _AGO.fullmatch(text.strip())) is not None:
            return timedelta(**{_UNITS[found[2]]: float(found[1])}).total_seconds()
    except OverflowError:
        pass
    raise ArgumentError(f"{option} {text!r} is not a duration.", hint="Write one such as 30m, 24h, 7d or 2w.")


def format_moment(seconds: float) -> str:
    """Return a point in time in UTC, as `parse_moment` reads it: ``2026-03-31 18:00:05Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
