"""Settings of Groq."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, model_validator

from budwood_openai_compatible import BaseURL, OpenAICompatibleSettings, OptionalFeature

ServiceTier = Literal["auto", "on_demand", "flex", "performance"]
ReasoningFormat = Literal["parsed", "raw", "hidden"]


def _with_path(url: str) -> str:
    """Add the path to an address without one, which Groq's library accepts in ``GROQ_BASE_URL``."""
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/openai/v1"


class GroqSettings(OpenAICompatibleSettings):
    """
    Settings of Groq.

    Attributes:
        base_url: The path may be missing, as in settings for Groq's library.
        api_key: Begins with ``gsk_``. Rate limits apply to the organization, so more keys do not raise them.
        service_tier: The tier of all calls. A call overrides it in ``extra``.
        reasoning_format: How reasoning is returned: ``parsed`` separates it from the text.
        include_reasoning: Whether reasoning is returned. Mutually exclusive with ``reasoning_format``.
    """

    base_url: Annotated[BaseURL, AfterValidator(_with_path)] = "https://api.groq.com/openai/v1"
    api_key: SecretStr | None = None
    max_tokens_parameter: str = "max_completion_tokens"
    offers: frozenset[OptionalFeature] = frozenset({"files"})
    extra_message_fields: frozenset[str] | None = frozenset({"reasoning"})
    service_tier: ServiceTier | None = None
    reasoning_format: ReasoningFormat | None = None
    include_reasoning: bool | None = None

    @model_validator(mode="after")
    def _reject_both_reasoning_options(self) -> Self:
        if self.reasoning_format is not None and self.include_reasoning is not None:
            raise ValueError("reasoning_format and include_reasoning are mutually exclusive; remove one")
        return self
