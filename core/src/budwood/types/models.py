"""What is known about models and what can be done with them."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from budwood.types.record import JSON, Record


class Capability(StrEnum):
    """What a provider or a model can do."""

    CHAT = "chat"
    STREAM = "stream"
    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    IMAGE_INPUT = "image_input"
    REASONING = "reasoning"
    EMBEDDINGS = "embeddings"
    MODELS = "models"
    COUNT_TOKENS = "count_tokens"
    MODERATION = "moderation"
    COMPLETION = "completion"
    PULL_MODELS = "pull_models"


ModelKind = Literal[
    "chat", "completion", "embedding", "moderation", "image", "video", "speech", "transcription", "realtime"
]
"""What a model is made for."""

_ABILITIES: Final[dict[ModelKind, frozenset[Capability]]] = {
    "completion": frozenset({Capability.COMPLETION, Capability.STREAM}),
    "embedding": frozenset({Capability.EMBEDDINGS}),
    "moderation": frozenset({Capability.MODERATION}),
}
"""What models can do that are not made for chat."""

_OF_PROVIDERS: Final = frozenset({Capability.MODELS, Capability.PULL_MODELS})
"""Capabilities that do not depend on the model."""

_NOT_OF_CHAT: Final = frozenset({Capability.COMPLETION, Capability.EMBEDDINGS, Capability.MODERATION})
"""What models that are made for chat cannot do."""


class ModelRules(Record):
    """
    What the catalog says that a model takes and refuses. An empty set of rules knows nothing and changes nothing.

    Attributes:
        kind: What it is made for; None if that is not known. A request that a model of this kind cannot answer is not
            sent.
        renames: Parameters of `ChatRequest` by the name under which the vendor wants them.
        refuses: Parameters that the model refuses.
        refuses_unless_effort_none: Parameters that it refuses while it reasons.
        refuses_beside: Parameters that it refuses where another is given, by name; the value is that other.
        default_effort: How much it reasons when nothing is said.
        efforts: What to send for efforts that it does not know by our names.
        defaults: Parameters of the vendor that are sent where the caller does not give them.
        lacks: Capabilities of the provider that this model has not.
        traits: What else sets it apart, in words of its vendor's plugin.
        max_output_tokens: Tokens of output.
        learned: What the server itself said of a parameter, by our name: the source of its rule in place of ``source``.
        source: Where this is written; ``as_of`` when it was read.
    """

    kind: ModelKind | None = None
    renames: dict[str, str] = Field(default_factory=dict)
    refuses: frozenset[str] = frozenset()
    refuses_unless_effort_none: frozenset[str] = frozenset()
    refuses_beside: dict[str, str] = Field(default_factory=dict)
    default_effort: str | None = None
    efforts: dict[str, str] = Field(default_factory=dict)
    defaults: dict[str, JSON] = Field(default_factory=dict)
    lacks: frozenset[Capability] = frozenset()
    traits: frozenset[str] = frozenset()
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    learned: dict[str, str] = Field(default_factory=dict)
    source: str | None = None
    as_of: date | None = None

    def able(self, capabilities: frozenset[Capability]) -> frozenset[Capability]:
        """Return which capabilities of a provider this model has; all of them if nothing is known of the model."""
        if self.kind == "chat":
            capabilities -= _NOT_OF_CHAT
        elif self.kind is not None:
            capabilities &= _ABILITIES.get(self.kind, frozenset()) | _OF_PROVIDERS
        return capabilities - self.lacks
