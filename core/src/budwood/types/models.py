"""What is known about models and what can be done with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

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


class ModelInfo(Record):
    """One model that a provider offers."""

    id: str
    provider: str = ""
    created: int | None = None
    owned_by: str | None = None
    context_window: int | None = None
    raw: dict[str, JSON] = Field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PullProgress:
    """
    How far a server has got with a model that it fetches.

    Attributes:
        status: What it does, in its own words.
        digest: Which part of the model it speaks of, where it speaks of one.
        completed: Bytes of that part that it has.
        total: Bytes of the whole part.
    """

    status: str
    digest: str | None = None
    completed: int | None = None
    total: int | None = None


class ModelRules(Record):
    """
    What the catalog says of a model. An empty set of rules knows nothing and changes nothing.

    Attributes:
        renames: Parameters of `ChatRequest` by the name under which the vendor wants them.
        refuses: Parameters that the model refuses.
        refuses_unless_effort_none: Parameters that it refuses while it reasons.
        default_effort: How much it reasons when nothing is said.
        efforts: What to send for efforts that it does not know by our names.
        defaults: Parameters of the vendor that are sent where the caller does not give them.
        lacks: Capabilities of the provider that this model has not.
        traits: What else sets it apart, in words of its vendor's plugin.
        context_window: Tokens of input and output together.
        max_output_tokens: Tokens of output.
        source: Where this is written; ``as_of`` when it was read.
    """

    renames: dict[str, str] = Field(default_factory=dict)
    refuses: frozenset[str] = frozenset()
    refuses_unless_effort_none: frozenset[str] = frozenset()
    default_effort: str | None = None
    efforts: dict[str, str] = Field(default_factory=dict)
    defaults: dict[str, JSON] = Field(default_factory=dict)
    lacks: frozenset[Capability] = frozenset()
    traits: frozenset[str] = frozenset()
    context_window: int | None = None
    max_output_tokens: int | None = None
    source: str | None = None
    as_of: date | None = None
