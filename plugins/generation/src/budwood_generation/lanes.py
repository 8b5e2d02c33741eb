"""How the calls of a run are sent: one by one, or in batches of the vendor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

from budwood.errors import UnsupportedError
from budwood.types import Capability, ModelDetails

Lane = Literal["live", "batch", "auto"]
"""
``"live"`` for ordinary calls; ``"batch"`` for batches, which vendors answer within a day, at a lower price; ``"auto"``
for batches if all models have them.
"""


def choose_lane(lane: Lane, models: Iterable[ModelDetails]) -> Literal["live", "batch"]:
    """
    Return the lane of a run.

    Raises:
        UnsupportedError: It is ``"batch"``, and a model has no batches.
    """
    lacking = next((model for model in models if Capability.BATCHES not in model.capabilities), None)
    if lane == "batch" and lacking is not None:
        raise UnsupportedError(
            f"{lacking.provider}/{lacking.model} has no batches.", hint='Set lane = "live", or "auto".'
        )
    return "live" if lane == "live" or lacking is not None else "batch"


def with_batch_prices(models: Mapping[str, ModelDetails]) -> dict[str, ModelDetails]:
    """Return the details of models with the prices of batches in place of the standard ones."""
    now = datetime.now(UTC)
    return {name: _with_batch_price(model, now) for name, model in models.items()}


def _with_batch_price(model: ModelDetails, now: datetime) -> ModelDetails:
    price = model.facts.price(now, "batch")
    reason = model.price_unknown or "no price of batches known"
    return model.model_copy(update={"price": price, "price_unknown": None if price is not None else reason})
