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


ModelKind = Literal["chat", "embedding", "moderation", "image", "video", "speech", "transcription", "realtime"]
"""What a model is made for."""

_ABILITIES: Final[dict[ModelKind, frozenset[Capability]]] = {
    "embedding": frozenset({Capability.EMBEDDINGS}),
    "moderation": frozenset({Capability.MODERATION}),
}


class ModelRules(Record):
    """
    What the catalog says that a model takes and refuses. An empty set of rules knows nothing and changes nothing.

    Attributes:
        kind: What it is made for; a model that is not for chat is not asked.
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
        learnt: What the server itself said of a parameter, by our name: the source of its rule in place of ``source``.
        source: Where this is written; ``as_of`` when it was read.
    """

    kind: ModelKind = "chat"
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
    learnt: dict[str, str] = Field(default_factory=dict)
    source: str | None = None
    as_of: date | None = None

    def able(self, capabilities: frozenset[Capability]) -> frozenset[Capability]:
        """Leave of what a provider can do what it can do with this model."""
        if self.kind != "chat":
            capabilities &= _ABILITIES.get(self.kind, frozenset()) | {Capability.MODELS}
        return capabilities - self.lacks
