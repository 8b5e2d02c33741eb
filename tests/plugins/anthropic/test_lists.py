from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from budwood.types import HTTPReply, RateLimits, ReplyHead
from budwood_anthropic.limits import parse_limits

HEADERS = {
    "date": "Wed, 26 Nov 2025 20:02:28 GMT",
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2025-11-26T20:02:26Z",
    "anthropic-ratelimit-tokens-limit": "38000",
    "anthropic-ratelimit-tokens-remaining": "37000",
    "anthropic-ratelimit-tokens-reset": "2025-11-26T20:02:38Z",
}


def test_resets_are_seconds_from_the_date_of_the_reply():
    """
    The vendor sends times of its own clock; durations are never negative.
    """
    assert parse_limits(HEADERS, now=0.0) == RateLimits(
        limit_requests=50,
        remaining_requests=49,
        reset_requests=0.0,
        limit_tokens=38000,
        remaining_tokens=37000,
        reset_tokens=10.0,
    )


def test_without_a_date_our_clock_counts():
    """
    If a gateway removes the date, resets are relative to now.
    """
    headers = {name: value for name, value in HEADERS.items() if name != "date"}

    assert parse_limits(headers, now=1764187350.0).reset_tokens == 8.0


def test_limits_of_the_input_are_parsed():
    """
    Accounts without a common token limit have one for the input.
    """
    headers = {"anthropic-ratelimit-input-tokens-limit": "9", "anthropic-ratelimit-input-tokens-remaining": "8"}

    limits = parse_limits(headers, now=0.0)

    assert (limits.limit_tokens, limits.remaining_tokens, limits.reset_tokens) == (9, 8, None)
    assert parse_limits({"x-ratelimit-limit-requests": "1"}, now=0.0) is None


def test_scarcer_direction_is_reported():
    """
    With separate limits of input and output, the one with fewer tokens left is reported.
    """
    headers = {
        "anthropic-ratelimit-input-tokens-remaining": "800",
        "anthropic-ratelimit-output-tokens-limit": "100",
        "anthropic-ratelimit-output-tokens-remaining": "7",
        "anthropic-ratelimit-output-tokens-reset": "1970-01-01T00:00:03Z",
    }

    limits = parse_limits(headers, now=0.0)

    assert (limits.limit_tokens, limits.remaining_tokens, limits.reset_tokens) == (100, 7, 3.0)


@given(st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text(max_size=30)))
def test_invalid_headers_are_ignored(headers):
    """
    A value that is not a number or a time is unknown.
    """
    limits = parse_limits(headers, now=0.0)

    assert limits is None or isinstance(limits, RateLimits)


def test_the_list_of_models_is_decoded(make_provider):
    """
    Each model has its id, release date and context window; a release in 1970 means unknown.
    """
    rows = [
        {"id": "claude-a", "created_at": "2026-01-02T00:00:00Z", "max_input_tokens": 200000, "display_name": "A"},
        {"id": "claude-b", "created_at": "1970-01-01T00:00:00Z"},
        {"type": "news"},
    ]
    models = make_provider().decode_models(HTTPReply(ReplyHead(200, {}), json.dumps({"data": rows}).encode()))

    assert [(model.id, model.created, model.context_window) for model in models] == [
        ("claude-a", 1767312000, 200000),
        ("claude-b", None, None),
    ]
    assert models[0].raw["display_name"] == "A"
    assert make_provider().encode_models().url == "https://api.anthropic.com/v1/models?limit=1000"
