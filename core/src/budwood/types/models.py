"""Capabilities and rules of models."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from budwood.types.record import JSON, Record


class Capability(StrEnum):
    """A capability of a provider or a model."""

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
"""The purpose of a model."""

_ABILITIES: Final[dict[ModelKind, frozenset[Capability]]] = {
    "completion": frozenset({Capability.COMPLETION, Capability.STREAM}),
    "embedding": frozenset({Capability.EMBEDDINGS}),
    "moderation": frozenset({Capability.MODERATION}),
}
"""Capabilities of models that are not chat models."""

_OF_PROVIDERS: Final = frozenset({Capability.MODELS, Capability.PULL_MODELS})
"""Capabilities that do not depend on the model."""

_NOT_OF_CHAT: Final = frozenset({Capability.COMPLETION, Capability.EMBEDDINGS, Capability.MODERATION})
"""Capabilities that chat models do not have."""


class ModelRules(Record):
    """
    The parameters that a model accepts and rejects, from the catalog. Empty rules change nothing.

    Attributes:
        kind: The purpose of the model; None if it is not known. Requests that a model of this kind cannot answer are
            not sent.
        renames: Parameters of `ChatRequest`, and the names that the vendor uses for them.
        refuses: Parameters that the model rejects.
        refuses_unless_effort_none: Parameters that it rejects while it reasons.
        refuses_beside: Parameters that it rejects together with another one, by name; the value is the other one.
        default_effort: The effort with which it reasons by default.
        efforts: The values to send for efforts that the model calls by other names.
        defaults: Parameters of the vendor that are sent unless the caller passes them.
        lacks: Capabilities of the provider that this model does not have.
        traits: Further properties, in the terms of the vendor's plugin.
        max_output_tokens: Maximum number of output tokens.
        learned: The server's own message about a parameter, by our name; it replaces ``source`` as the source.
        source: Where the rules are documented; ``as_of`` is the date of that.
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

    def filter_capabilities(self, capabilities: frozenset[Capability]) -> frozenset[Capability]:
        """Return the capabilities of the provider that this model has; all of them if the model is not known."""
        if self.kind == "chat":
            capabilities -= _NOT_OF_CHAT
        elif self.kind is not None:
            capabilities &= _ABILITIES.get(self.kind, frozenset()) | _OF_PROVIDERS
        return capabilities - self.lacks
