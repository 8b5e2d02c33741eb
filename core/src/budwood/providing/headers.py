"""Parse the response headers of vendors. Header names are in lower case."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Final

from budwood.types import RateLimits

_REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_MAX_DIGITS: Final = 64
"""The most characters of a duration."""

MAX_COUNT: Final = 2**53
"""The largest count that is accepted. JSON numbers are exact up to here (RFC 8259, section 6)."""

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_request_id(headers: Mapping[str, str], *others: str) -> str | None:
    """
    Return the vendor's request id, from ``x-request-id`` or ``request-id``; None if there is none.

    Args:
        headers: The headers; names in lower case.
        others: Further headers that may hold the id, in order of priority.
    """
    for names in (_REQUEST_ID_HEADERS, others):
        for name in names:
            if name in headers:
                return headers[name]
    return None


def parse_retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """
    Return the number of seconds to wait before the next request; None if the vendor does not specify it.

    ``retry-after-ms`` takes precedence over ``retry-after``, which holds seconds or an HTTP date (RFC 9110, section
    10.2.3), unless it is zero: servers have sent both ``retry-after-ms: 0`` and ``retry-after: 1``.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    value = headers.get("retry-after")
    if milliseconds is not None and (milliseconds > 0 or value is None):
        return max(milliseconds / 1000, 0.0)
    seconds = _number(value)
    if value is None or seconds is not None:
        return None if seconds is None else max(seconds, 0.0)
    moment = parse_http_date(value)
    return None if moment is None else max(moment - (time.time() if now is None else now), 0.0)


def parse_http_date(text: str | None) -> float | None:
    """Return the seconds since 1970 of an HTTP date, in GMT unless it names a zone; None if it is not a date."""
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text or "")
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def parse_rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """Parse the ``x-ratelimit-…`` headers that most vendors send; None if there are none."""
    if "x-ratelimit-" not in "\n".join(headers):  # one search instead of one per header
        return None
    return RateLimits(
        limit_requests=parse_count(headers.get("x-ratelimit-limit-requests")),
        remaining_requests=parse_count(headers.get("x-ratelimit-remaining-requests")),
        reset_requests=parse_duration(headers.get("x-ratelimit-reset-requests")),
        limit_tokens=parse_count(headers.get("x-ratelimit-limit-tokens")),
        remaining_tokens=parse_count(headers.get("x-ratelimit-remaining-tokens")),
        reset_tokens=parse_duration(headers.get("x-ratelimit-reset-tokens")),
    )


def parse_duration(value: object) -> float | None:
    """Return the seconds of a duration: ``6m0s``, ``120ms``, plain seconds as a text or a number; None for all else."""
    plain = _number(value)
    if plain is not None:
        return plain if plain >= 0 else None
    if not isinstance(value, str) or len(value) > _MAX_DIGITS:
        return None
    parts = _DURATION.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        return None
    return _finite(sum(float(number) * _UNITS[unit] for number, unit in parts))


def parse_count(value: object) -> int | None:
    """
    Return a count that a vendor reports, such as a number of tokens; None if it is not one.

    Takes whole numbers from 0 to 2**53, also as a decimal or a text.
    """
    if value is None:
        return None
    number = value if type(value) is int else _number(value)
    return int(number) if number is not None and 0 <= number <= MAX_COUNT and number == int(number) else None


def _number(value: object) -> float | None:
    """Return a finite number from a text or a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return _finite(float(value))
    except (ValueError, OverflowError):  # an integer of 400 digits is no float
        return None


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
