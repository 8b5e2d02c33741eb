from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from budwood.catalog import Catalog
from budwood.types import ChatRequest, ChatResponse, Message, Usage
from budwood_anthropic.decoding import decode_usage

USAGE = {
    "input_tokens": 100,
    "cache_read_input_tokens": 1000,
    "cache_creation_input_tokens": 300,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    "output_tokens": 10,
}


def test_caching_for_an_hour_costs_more():
    """
    The usage has separate counts, each with its own price.
    """
    facts = Catalog().facts("anthropic", "anthropic", "claude-haiku-4-5")
    usage = decode_usage(USAGE)

    assert (usage.input_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens) == (1400, 300, 200)
    dollars = 100 * 1 + 1000 * Decimal("0.1") + 100 * Decimal("1.25") + 200 * 2 + 10 * 5
    assert facts.cost(usage, datetime(2026, 11, 1, tzinfo=UTC)).dollars == dollars / 1_000_000


@pytest.mark.parametrize(
    ("payload", "tier"),
    [
        ({}, None),
        ({"inference_geo": "us"}, "us"),
        ({"inference_geo": "global"}, None),
        ({"inference_geo": "not_available", "service_tier": "standard"}, None),
        ({"inference_geo": "global", "service_tier": "priority"}, "priority"),
        ({"speed": "fast"}, "fast"),
    ],
)
def test_regions_speeds_and_tiers_have_prices(make_provider, payload, tier):
    """
    They are read from the usage of a reply; standard ones are None.
    """
    reply = ChatResponse(message=Message.assistant("Hi"), finish_reason="stop", usage=Usage(raw={**USAGE, **payload}))

    assert make_provider().price_tier(reply) == tier


@pytest.mark.parametrize(
    ("extra", "may_truncate"),
    [({}, False), ({"top_k": 3}, False), ({"betas": ["wide"]}, True), ({"context_management": {"edits": []}}, True)],
)
def test_a_request_may_ask_to_be_shortened(make_provider, extra, may_truncate):
    """
    By context management, or by a beta that may enlarge the context window.
    """
    request = ChatRequest(model="m", messages=(Message.user("Hi"),), extra=extra)

    assert make_provider().may_truncate(request) is may_truncate
