"""Parsing of response headers."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.providing import parse_duration, parse_rate_limits, parse_request_id, parse_retry_after
from budwood.types import RateLimits

NOW = datetime(2025, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "0", "retry-after": "1"}, 1.0),
        ({"retry-after-ms": "0"}, 0.0),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
        ({"retry-after": "Wed, 01 Jan 2025 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Wednesday, 01-Jan-25 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Wed Jan  1 00:00:30 2025"}, 30.0),
        ({"retry-after": "Tue, 31 Dec 2024 23:59:59 GMT"}, 0.0),
        ({"retry-after": "Wed, 99 Jan 2025 00:00:30 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 0001 00:00:00 -0000"}, 0.0),
    ],
)
def test_each_form_of_retry_after(headers, seconds):
    """
    Seconds, milliseconds and the three forms of HTTP dates are parsed; anything else is no delay.
    """
    assert parse_retry_after(headers, now=NOW) == seconds


def test_a_date_without_a_zone_is_in_gmt(monkeypatch):
    """
    The time zone of the machine does not matter.
    """
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    if hasattr(time, "tzset"):
        time.tzset()
    try:
        assert parse_retry_after({"retry-after": "Wed, 01 Jan 2025 00:00:30 -0000"}, now=NOW) == 30.0
    finally:
        monkeypatch.undo()
        if hasattr(time, "tzset"):
            time.tzset()


def test_a_date_counts_from_the_real_time():
    """
    A date is compared with the current time by default; a past date is a delay of zero.
    """
    assert parse_retry_after({"retry-after": format_datetime(datetime(2001, 1, 1, tzinfo=UTC), usegmt=True)}) == 0.0


@given(st.text() | st.datetimes().map(format_datetime), st.text())
def test_any_retry_after_is_a_delay_or_none(value, milliseconds):
    """
    No header raises an exception, and no delay is negative or infinite.
    """
    seconds = parse_retry_after({"retry-after": value, "retry-after-ms": milliseconds}, now=NOW)

    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("0.25", 0.25),
        ("1s", 1.0),
        ("120ms", 0.12),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("1d", 86400.0),
        ("1x", None),
        ("s", None),
        ("1s ", None),
        ("1s junk", None),
        ("2025-01-01", None),
    ],
)
def test_durations(text, seconds):
    """
    Go's durations and plain seconds are parsed; anything else is None.
    """
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(alphabet="0123456789.msh") | st.just("9" * 400 + "s"))
def test_any_duration_is_finite(text):
    """
    A duration is a finite number, or none.
    """
    seconds = parse_duration(text)

    assert seconds is None or math.isfinite(seconds)


def test_rate_limits_are_parsed():
    """
    OpenAI's six headers become six fields; resets are seconds.
    """
    headers = {
        "x-ratelimit-limit-requests": "5000",
        "x-ratelimit-remaining-requests": "4999",
        "x-ratelimit-reset-requests": "12ms",
        "x-ratelimit-limit-tokens": "160000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "6m0s",
    }

    assert parse_rate_limits(headers) == RateLimits(
        limit_requests=5000,
        remaining_requests=4999,
        reset_requests=0.012,
        limit_tokens=160000,
        remaining_tokens=0,
        reset_tokens=360.0,
    )


def test_no_rate_limits_are_none():
    """
    Without such headers the result is None.
    """
    assert parse_rate_limits({"content-type": "x"}) is None


def test_unknown_counts_are_none_and_not_zero():
    """
    A header that is missing or not a number is None, not zero.
    """
    limits = parse_rate_limits({"x-ratelimit-limit-requests": "many", "x-ratelimit-limit-tokens": "10"})

    assert limits == RateLimits(limit_tokens=10)


@given(st.text())
def test_any_rate_limit_is_parsed_or_none(text):
    """
    No header raises an exception.
    """
    names = ("limit-requests", "remaining-requests", "reset-requests", "limit-tokens", "reset-tokens")

    assert isinstance(parse_rate_limits({f"x-ratelimit-{name}": text for name in names}), RateLimits)


@pytest.mark.parametrize("name", ["x-request-id", "request-id", "acme-request"])
def test_each_header_with_a_request_id(name):
    """
    The usual headers are read, and those that the vendor's plugin names.
    """
    assert parse_request_id({name: "r1"}, "acme-request") == "r1"
    assert parse_request_id({"acme-request": "r1"}) is None
