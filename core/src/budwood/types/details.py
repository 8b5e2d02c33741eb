"""Everything that is known about a model."""

from __future__ import annotations

from budwood.types.models import Capability, ModelRules, is_named_for_chat
from budwood.types.prices import ModelFacts, ModelPrices
from budwood.types.record import Record


class ModelDetails(Record):
    """
    Everything that is known about a model without sending a request.

    Attributes:
        provider: The instance; ``model`` is the vendor's name of the model.
        capabilities: What it can do. If the model is not known, these are the capabilities of its provider.
        rules: The parameters that it accepts and rejects.
        facts: Its limits, prices and shutdown date.
        price: The current price of its tokens at the standard tier, or None with the reason in ``price_unknown``.
        plugin: The name of the provider's plugin, such as ``"openai-compatible"``.
        api: The API whose parameters ``extra`` takes: ``"openai"``, ``"anthropic"``, or empty for another.
        has_responses: Whether ``extra`` also takes the fields of OpenAI's Responses API.
        has_batch_files: Whether `Client.submit_batch_file` can be used: its batches have OpenAI's form.
    """

    provider: str
    model: str
    capabilities: frozenset[Capability]
    rules: ModelRules
    facts: ModelFacts
    price: ModelPrices | None = None
    price_unknown: str | None = None
    plugin: str = ""
    api: str = ""
    has_responses: bool = False
    has_batch_files: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the catalog or the settings contain more about the model than the limits of media of its vendor."""
        return self.rules.model_copy(update={"media": {}}) != ModelRules() or self.facts != ModelFacts()

    @property
    def is_for_chat(self) -> bool:
        """Whether it is a chat model: by the catalog, or else by the capabilities of its provider and its own name."""
        is_possible = self.rules.kind is not None or is_named_for_chat(self.model)
        return is_possible and Capability.CHAT in self.capabilities
