"""How values look in pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from budwood_server.page.formatting import (
    format_ago,
    format_cost,
    format_dollars,
    format_moment,
    format_number,
    format_prose,
    format_seconds,
    format_share,
    format_short,
    format_span,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (86_400 * 45, "1 month ago"),
        (86_400 * 800, "2 years ago"),
        (-30, "in a moment"),
        (-3600, "in 1 hour"),
    ],
)
def test_moments_are_relative_to_now(seconds, text):
    """
    The unit is the largest that fits.
    """
    assert format_ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_values_that_are_missing_are_dashes():
    """
    They are not zeros.
    """
    assert {each(None) for each in (format_ago, format_moment, format_number, format_short, format_dollars)} == {"–"}
    assert format_seconds(None) == "–"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (format_moment(NOW.timestamp()), "1 Mar 2026, 12:00"),
        (format_number(1234567), "1,234,567"),
        (format_number(Decimal("1234.50")), "1,234.50"),
        (format_short(999), "999"),
        (format_short(1500), "1.5k"),
        (format_short(2_000_000), "2M"),
        (format_dollars(Decimal("0.00213")), "$0.0021"),
        (format_dollars(Decimal("0.00001")), "<$0.0001"),
        (format_dollars(Decimal(0)), "$0.00"),
        (format_dollars(Decimal(1234)), "$1,234.00"),
        (format_seconds(0.34), "340 ms"),
        (format_seconds(2.25), "2.2 s"),
        (format_seconds(600), "10 min"),
    ],
)
def test_numbers_are_short(text, expected):
    """
    They have as many digits as people need.
    """
    assert text == expected


@pytest.mark.parametrize(
    ("value", "text"), [(1, "100 %"), (0.99999, "99.99 %"), (0.29, "29 %"), (0.0055, "0.55 %"), (0, "0 %"), (None, "–")]
)
def test_shares_are_rounded_down(value, text):
    """
    Only the whole is 100 %.
    """
    assert format_share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(300.0, "5 min"), (90, "90 s"), (3600, "1 h"), (5400, "90 min"), (86_400, "1 d")],
)
def test_spans_have_the_largest_whole_unit(value, text):
    """
    As people choose them.
    """
    assert format_span(value) == text


def test_text_between_backquotes_is_code():
    """
    All of it is escaped.
    """
    assert format_prose("Run `a <b>` & <i>") == "Run <code>a &lt;b&gt;</code> &amp; &lt;i&gt;"


@pytest.mark.parametrize(
    ("value", "unknown", "text"),
    [
        (Decimal(0), None, "$0.00"),
        (Decimal(0), 0, "$0.00"),
        (Decimal(0), "the model has no price", "unknown"),
        (Decimal(0), 3, "unknown"),
        (Decimal("0.25"), 3, "at least $0.2500"),
        (None, None, "–"),
    ],
)
def test_cost_says_what_is_not_known(value, unknown, text):
    """
    It is not $0.00, which a reply from the cache costs.
    """
    assert format_cost(value, unknown) == text
