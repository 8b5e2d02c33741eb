"""
Read what Anthropic says of its limits in headers.

Source: docs.claude.com, "Rate limits", "Response headers". ``…-tokens-…`` is of the limit that is nearest.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from budwood.providing import parse_count, parse_http_date
from budwood.types import RateLimits

_PREFIX: Final = "anthropic-ratelimit-"


def decode_limits(headers: Mapping[str, str], now: float) -> RateLimits | None:
    """
    Read the headers; None where there are none.

    Args:
        headers: Their names in lower case.
        now: Seconds since 1970, for a reply without a date: resets are moments of the vendor's clock.
    """
    if not any(name.startswith(_PREFIX) for name in headers):
        return None
    sent = parse_http_date(headers.get("date"))
    moment = now if sent is None else sent
    tokens = "tokens" if f"{_PREFIX}tokens-remaining" in headers else "input-tokens"
    return RateLimits(
        limit_requests=parse_count(headers.get(f"{_PREFIX}requests-limit")),
        remaining_requests=parse_count(headers.get(f"{_PREFIX}requests-remaining")),
        reset_requests=_until(headers.get(f"{_PREFIX}requests-reset"), moment),
        limit_tokens=parse_count(headers.get(f"{_PREFIX}{tokens}-limit")),
        remaining_tokens=parse_count(headers.get(f"{_PREFIX}{tokens}-remaining")),
        reset_tokens=_until(headers.get(f"{_PREFIX}{tokens}-reset"), moment),
    )


def _until(text: str | None, now: float) -> float | None:
    moment = parse_moment(text)
    return None if moment is None else max(moment - now, 0.0)


def parse_moment(value: object) -> float | None:
    """Return the seconds since 1970 of an RFC 3339 timestamp; None if it is not one."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
