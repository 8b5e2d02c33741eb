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
def test_tiers_have_prices_of_their_own(gemini, payload, tier):
    """
    Service tiers and throughput that was paid beforehand are read from the usage of a reply.
    """
    reply = ChatResponse(message=Message.assistant("Hi"), finish_reason="stop", usage=Usage(raw=payload))

    assert gemini().price_tier(reply) == tier
