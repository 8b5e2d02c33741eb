"""Collect all known details of a model."""

from __future__ import annotations

from datetime import UTC, datetime

from budwood.contracts import ResponsesProvider
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.media_services import BATCH_FILES
from budwood.engine.pipeline.offers import offers
from budwood.plugins import faults
from budwood.types import ModelDetails, ModelFacts


def details_of(target: Target, now: float) -> ModelDetails:
    """
    Return capabilities, rules, limits and prices of a model.

    Args:
        target: The model.
        now: Seconds since 1970: prices change with time.
    """
    endpoint, model = target
    facts = endpoint.facts(model) if endpoint.facts else ModelFacts()
    price = facts.price(datetime.fromtimestamp(now, UTC))
    return ModelDetails(
        provider=endpoint.name,
        model=model,
        capabilities=target.capabilities(),
        rules=endpoint.rules(model),
        facts=facts,
        price=price,
        price_unknown=endpoint.no_price if price is None else None,
        plugin=endpoint.plugin,
        api=endpoint.api,
        has_responses=_has_responses(target),
        has_batch_files=offers(target, BATCH_FILES),
    )


def _has_responses(target: Target) -> bool:
    provider = target.endpoint.remote
    if not isinstance(provider, ResponsesProvider):
        return False
    with faults.call_boundary(target.endpoint.source, "has_responses"):
        return provider.has_responses(target.model)
