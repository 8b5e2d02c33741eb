"""Calculate costs from the tokens that vendors report and the prices in the catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from budwood.engine.endpoints.endpoint import Endpoint
from budwood.errors import (
    ConnectionFailedError,
    PluginFaultError,
    ProviderError,
    RequestTimeoutError,
    StreamInterruptedError,
)
from budwood.types import Answer, Attempt, Cost
from budwood.types.prices import BATCH_TIER
from budwood.types.usage import NO_PRICE

if TYPE_CHECKING:
    from budwood.types import ModelFacts

FREE: Final = Cost(Decimal(0))
"""The cost of what was not sent."""

UNFINISHED: Final = Cost(None, "the attempt was not finished, and its usage is not known")
"""The cost of a request whose reply was not read to its end."""


def cost_of_reply(endpoint: Endpoint, requested: str, reply: Answer, now: float, *, batch: bool = False) -> Cost:
    """
    Return the cost of a reply: what the vendor reports, or else its tokens at the prices of the catalog.

    Args:
        endpoint: The provider that answered.
        requested: The requested model.
        reply: The reply, with its usage and its service tier.
        now: Seconds since 1970.
        batch: Whether it is from a batch, which has a tier of its own, whatever the reply says.
    """
    if reply.usage.reported_cost is not None:
        return Cost(reply.usage.reported_cost)
    if endpoint.facts is None:
        return Cost(None, endpoint.no_price)
    facts = find_facts(endpoint.facts, requested, reply.model)
    try:
        tier = BATCH_TIER if batch else endpoint.price_tier(reply) if endpoint.price_tier else None
    except PluginFaultError as error:  # the reply is complete and paid for
        return Cost(None, f"the plugin could not read the service tier: {error.message}")
    cost = facts.cost(reply.usage, datetime.fromtimestamp(now, UTC), tier)
    return Cost(None, endpoint.no_price) if cost.unknown == NO_PRICE else cost


def cost_of_failure(error: ProviderError) -> Cost:
    """Return what a failed attempt cost: nothing if no server was reached, otherwise unknown."""
    if isinstance(error, RequestTimeoutError) and error.phase == "connect":
        return FREE
    if isinstance(error, ConnectionFailedError) and error.is_unsent:
        return FREE
    return Cost(None, "the attempt failed, and its usage is not known")


def total(attempts: Sequence[Attempt]) -> Cost:
    """
    Return the cost of a call with all its attempts.

    An attempt that the vendor rejected with an error status costs nothing. If an attempt was interrupted, its cost is
    unknown, and so is the total: a stream that has started is charged, whatever the status of the error inside it.
    Attempts that lost against another one are not part of the total.
    """
    if len(attempts) == 1 and attempts[0].error is None:
        return Cost(attempts[0].cost, attempts[0].cost_unknown)
    dollars = Decimal(0)
    for attempt in attempts:
        if attempt.hedge:
            continue
        if attempt.cost is not None:
            dollars += attempt.cost
        elif attempt.status is None or attempt.status < 400 or attempt.error == StreamInterruptedError.__name__:
            return Cost(None, attempt.cost_unknown or NO_PRICE)
    return Cost(dollars)


def find_facts(facts_of: Callable[[str], ModelFacts], requested: str, answered: str) -> ModelFacts:
    """
    Return the facts of the model that answered.

    The reply contains the name of the model behind a deployment, an alias or a router. Prices in the user's settings
    apply to the name that the user requested.
    """
    facts = facts_of(requested)
    if "prices" in facts.own or not answered:
        return facts
    answering = facts_of(answered)
    return answering if answering.prices else facts
