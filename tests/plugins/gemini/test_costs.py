from __future__ import annotations

import pytest

from budwood.types import ChatResponse, Message, Usage


@pytest.mark.parametrize(
    ("payload", "tier"),
    [
        ({}, None),
        ({"trafficType": "ON_DEMAND"}, None),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned_throughput"),
        ({"serviceTier": "standard"}, None),
        ({"serviceTier": "FLEX"}, "flex"),
    ],
)
def test_tiers_have_prices(gemini, payload, tier):
    """
    Service tier and traffic type are read from the usage of a reply.
    """
    reply = ChatResponse(message=Message.assistant("Hi"), finish_reason="stop", usage=Usage(raw=payload))

    assert gemini().price_tier(reply) == tier
