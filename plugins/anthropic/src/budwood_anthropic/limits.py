"""
Parse the rate limits in the headers of Anthropic's API.

Source: docs.claude.com, "Rate limits", "Response headers". ``…-tokens-…`` is the most restrictive limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from budwood.providing import parse_count, parse_http_date
from budwood.types import RateLimits

_PREFIX: Final = "anthropic-ratelimit-"
_DIRECTIONS: Final = ("input-tokens", "output-tokens")


def parse_limits(headers: Mapping[str, str], now: float) -> RateLimits | None:
    """
    Parse the headers; None if there are none.

    Args:
        headers: The headers; names in lower case.
        now: Seconds since 1970, for replies without a date. Resets are times of the vendor's clock.
    """
    if not any(name.startswith(_PREFIX) for name in headers):
        return None
    sent = parse_http_date(headers.get("date"))
    now = now if sent is None else sent
    tokens = _scarcest_tokens(headers)
    return RateLimits(
        limit_requests=parse_count(headers.get(f"{_PREFIX}requests-limit")),
        remaining_requests=parse_count(headers.get(f"{_PREFIX}requests-remaining")),
        reset_requests=_seconds_until(headers.get(f"{_PREFIX}requests-reset"), now),
        limit_tokens=parse_count(headers.get(f"{_PREFIX}{tokens}-limit")),
        remaining_tokens=parse_count(headers.get(f"{_PREFIX}{tokens}-remaining")),
        reset_tokens=_seconds_until(headers.get(f"{_PREFIX}{tokens}-reset"), now),
    )


def _scarcest_tokens(headers: Mapping[str, str]) -> str:
    """Return which of the limits of tokens to report: the most restrictive one."""
    if f"{_PREFIX}tokens-remaining" in headers:
        return "tokens"
    remaining = {name: parse_count(headers.get(f"{_PREFIX}{name}-remaining")) for name in _DIRECTIONS}
    known = {name: count for name, count in remaining.items() if count is not None}
    return min(known, key=lambda name: known[name], default=_DIRECTIONS[0])


def _seconds_until(text: str | None, now: float) -> float | None:
    timestamp = parse_timestamp(text)
    return None if timestamp is None else max(timestamp - now, 0.0)


def parse_timestamp(value: object) -> float | None:
    """Return the seconds since 1970 of an RFC 3339 timestamp; None if it is not one."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
