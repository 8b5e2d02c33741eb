"""Read what vendors say in headers; their names are in lower case."""

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
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def request_id(headers: Mapping[str, str], *others: str) -> str | None:
    """
    Return the vendor's id of the request, from ``x-request-id`` or ``request-id``.

    Args:
        headers: Names in lower case.
        others: Further headers to look at, in order of preference.
    """
    for names in (_REQUEST_ID_HEADERS, others):
        for name in names:
            if name in headers:
                return headers[name]
    return None


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """
    Return how many seconds the vendor asks to wait, or None where it does not ask.

    ``retry-after-ms`` comes before ``retry-after``, which holds seconds or an HTTP date (RFC 9110, section 10.2.3). A
    zero in the first yields to the second: servers have sent both ``retry-after-ms: 0`` and ``retry-after: 1``.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    value = headers.get("retry-after")
    if milliseconds is not None and (milliseconds > 0 or value is None):
        return max(milliseconds / 1000, 0.0)
    seconds = _number(value)
    if value is None or seconds is not None:
        return None if seconds is None else max(seconds, 0.0)
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(value)
        moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()  # one without a zone is in GMT
    except (ValueError, ArithmeticError, TypeError):
        return None
    return max(moment - (time.time() if now is None else now), 0.0)


def rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """Read the ``x-ratelimit-…`` headers that most vendors send; None if there are none."""
    if "x-ratelimit-" not in "\n".join(headers):  # one search instead of one for each
        return None
    return RateLimits(
        limit_requests=_count(headers.get("x-ratelimit-limit-requests")),
        remaining_requests=_count(headers.get("x-ratelimit-remaining-requests")),
        reset_requests=duration(headers.get("x-ratelimit-reset-requests")),
        limit_tokens=_count(headers.get("x-ratelimit-limit-tokens")),
        remaining_tokens=_count(headers.get("x-ratelimit-remaining-tokens")),
        reset_tokens=duration(headers.get("x-ratelimit-reset-tokens")),
    )


def duration(text: object) -> float | None:
    """Parse a duration such as ``6m0s``, ``120ms`` or plain seconds; return None if the value is not a duration."""
    plain = _number(text)
    if plain is not None or not isinstance(text, str):
        return plain
    pieces = _DURATION.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text:
        return None
    return _finite(sum(float(number) * _UNITS[unit] for number, unit in pieces))


def _number(value: object) -> float | None:
    if not isinstance(value, str | int | float):
        return None
    try:
        return _finite(float(value))
    except (ValueError, OverflowError):
        return None


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _count(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else int(number)
