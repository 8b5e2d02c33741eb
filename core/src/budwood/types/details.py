"""Everything that is known about a model."""

from __future__ import annotations

from budwood.types.models import Capability, ModelRules
from budwood.types.prices import ModelFacts, ModelPrices
from budwood.types.record import Record


class ModelDetails(Record):
    """
    All that is known of a model without asking anyone.

    Attributes:
        provider: The instance; ``model`` is the vendor's name.
        capabilities: What it can do. If the model is not known, these are the capabilities of its provider.
        rules: What it refuses, and wants under another name.
        facts: Its limits, prices and end.
        price: What its tokens cost now, at the standard tier; None where it is not known, as ``price_unknown`` says.
    """

    provider: str
    model: str
    capabilities: frozenset[Capability]
    rules: ModelRules
    facts: ModelFacts
    price: ModelPrices | None = None
    price_unknown: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether the catalog or the settings know anything of the model."""
        return self.rules != ModelRules() or self.facts != ModelFacts()
