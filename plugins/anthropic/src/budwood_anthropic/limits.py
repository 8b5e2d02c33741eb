"""
Read what Anthropic says of its limits in headers.

Source: docs.claude.com, "Rate limits", "Response headers". ``…-tokens-…`` is of the limit that is nearest.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

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
    sent = _date(headers.get("date"))
    moment = now if sent is None else sent
    tokens = "tokens" if f"{_PREFIX}tokens-remaining" in headers else "input-tokens"
    return RateLimits(
        limit_requests=_count(headers.get(f"{_PREFIX}requests-limit")),
        remaining_requests=_count(headers.get(f"{_PREFIX}requests-remaining")),
        reset_requests=_until(headers.get(f"{_PREFIX}requests-reset"), moment),
        limit_tokens=_count(headers.get(f"{_PREFIX}{tokens}-limit")),
        remaining_tokens=_count(headers.get(f"{_PREFIX}{tokens}-remaining")),
        reset_tokens=_until(headers.get(f"{_PREFIX}{tokens}-reset"), moment),
    )


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _until(text: str | None, now: float) -> float | None:
    moment = parse_moment(text)
    return None if moment is None else max(moment - now, 0.0)


def parse_moment(text: str | None) -> float | None:
    """Return the seconds since 1970 of a moment as RFC 3339 writes it, or None where it is none."""
    try:
        moment = datetime.fromisoformat(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, OverflowError):
        return None
