"""How values look in pages."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from markupsafe import Markup, escape

_UNITS: Final = ((86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3600, "hour"), (60, "minute"))
_SHORT: Final = ((10**9, "B"), (10**6, "M"), (10**3, "k"))


def to_moment(value: datetime | float) -> datetime:
    """Return a moment that is given as such, or in seconds since 1970."""
    return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)


def format_moment(value: datetime | float | None) -> str:
    """Return a moment such as ``"12 Nov 2026, 09:31"``, in UTC; a dash for None."""
    if value is None:
        return "–"
    moment = to_moment(value)
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def format_iso(value: datetime | float) -> str:
    """Return a moment in ISO 8601, to the second."""
    return to_moment(value).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_ago(value: datetime | float | None, now: datetime | None = None) -> str:
    """Return how long ago a moment was, or in how long it will be; a dash for None."""
    if value is None:
        return "–"
    seconds = ((now or datetime.now(UTC)) - to_moment(value)).total_seconds()
    for size, unit in _UNITS:
        if abs(seconds) >= size:
            count = int(abs(seconds) // size)
            text = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "just now" if seconds >= 0 else "in a moment"


def format_number(value: float | Decimal | None) -> str:
    """Return a number with separators of thousands; a dash for None."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".removesuffix(".00")


def format_short(value: float | Decimal | None) -> str:
    """Return a number in few characters, such as ``"1.2M"``; a dash for None."""
    if value is None:
        return "–"
    for size, unit in _SHORT:
        if abs(float(value)) >= size:
            return f"{float(value) / size:.1f}".removesuffix(".0") + unit
    return format_number(value)


def format_bytes(value: int) -> str:
    """Return a size such as ``"12 bytes"``, ``"3.4 kB"`` or ``"1 GB"``, in powers of 1024."""
    size, unit = float(value), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.1f}".removesuffix(".0") + f" {unit}"


def format_dollars(value: float | Decimal | None) -> str:
    """Return an amount in US dollars, with more digits if it is small; a dash for None."""
    if value is None:
        return "–"
    if 0 < abs(float(value)) < 0.00005:
        return "<$0.0001"
    digits = 2 if abs(float(value)) >= 1 or value == 0 else 4
    return f"${value:,.{digits}f}"


def format_cost(value: float | Decimal | None, unknown: str | int | None) -> str:
    """
    Return a cost in US dollars, such as ``"$1.25"``, ``"at least $1.25"`` or ``"unknown"``; a dash for None.

    Args:
        value: The known part.
        unknown: Why the cost is not complete, or the number of calls whose cost is not; else None or 0.
    """
    if value is None or not unknown:
        return format_dollars(value)
    return f"at least {format_dollars(value)}" if value else "unknown"


def format_seconds(value: float | None) -> str:
    """Return a duration such as ``"340 ms"``, ``"1.2 s"`` or ``"3 min"``; a dash for None."""
    if value is None:
        return "–"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"


def format_span(value: float) -> str:
    """Return a chosen length of time in its largest whole unit, such as ``"90 s"``, ``"5 min"`` or ``"1 d"``."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if value >= size and value % size == 0:
            return f"{value / size:.0f} {unit}"
    return f"{value:g} s"


def format_share(value: float | None) -> str:
    """Return a part of a whole in percent, such as ``"99.5 %"``, rounded down; a dash for None."""
    if value is None:
        return "–"
    hundredths = math.floor(round(value * 10_000, 6))  # 0.29 is a little less than 29 %
    return f"{hundredths / 100:g} %"


def format_prose(text: str) -> Markup:
    """Return a text in which what is between backquotes is code. All else is escaped."""
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(text.split("`"))
    )


def format_json(value: object) -> str:
    """Return JSON in several lines, as people read it. It is no markup: what shows it escapes it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "moment": format_moment,
    "iso": format_iso,
    "ago": format_ago,
    "number": format_number,
    "short": format_short,
    "bytes": format_bytes,
    "dollars": format_dollars,
    "cost": format_cost,
    "seconds": format_seconds,
    "share": format_share,
    "span": format_span,
    "prose": format_prose,
    "json": format_json,
}
"""The filters of templates, by their names there."""
