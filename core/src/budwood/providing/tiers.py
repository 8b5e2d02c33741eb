"""Find the service tier of a reply."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from budwood.types import Answer, ChatResponse


def find_tier(reply: Answer, fields: Iterable[str], standard: Collection[str]) -> str | None:
    """
    Return the first tier that a reply reports with a price of its own, in lower case; None for the standard tier.

    Args:
        reply: The reply. Its usage is read first, then its metadata.
        fields: The names under which the vendor reports tiers.
        standard: The values, in lower case, that mean standard prices.
    """
    places = (reply.usage.raw or {}, reply.metadata if isinstance(reply, ChatResponse) else {})
    values = (place.get(name) for place in places for name in fields)
    tiers = (value.lower() for value in values if isinstance(value, str))
    return next((tier for tier in tiers if tier not in standard), None)
