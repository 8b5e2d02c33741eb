"""Settings of Groq."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, model_validator

from budwood_openai_compatible import Address, OpenAICompatibleSettings

ServiceTier = Literal["auto", "on_demand", "flex", "performance"]
ReasoningFormat = Literal["parsed", "raw", "hidden"]


def _with_path(url: str) -> str:
    """Complete an address that is only a host, as Groq's own library takes it in ``GROQ_BASE_URL``."""
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/openai/v1"


class GroqSettings(OpenAICompatibleSettings):
    """
    Settings of Groq.

    Attributes:
        base_url: Also without its path, which Groq's own library adds.
        api_key: Begins with ``gsk_``. Limits are those of the organisation: further keys of one add nothing.
        service_tier: What the calls may cost and how long they may wait; a call's own is in its ``extra``.
        reasoning_format: Where the model's thoughts stand: ``parsed`` has them in a part of their own.
        include_reasoning: Whether they are sent at all; not together with ``reasoning_format``.
    """

    base_url: Annotated[Address, AfterValidator(_with_path)] = "https://api.groq.com/openai/v1"
    api_key: SecretStr | None = None
    max_tokens_parameter: str = "max_completion_tokens"
    extra_message_fields: frozenset[str] | None = frozenset({"reasoning"})
    service_tier: ServiceTier | None = None
    reasoning_format: ReasoningFormat | None = None
    include_reasoning: bool | None = None

    @model_validator(mode="after")
    def _say_one_thing_of_reasoning(self) -> Self:
        if self.reasoning_format is not None and self.include_reasoning is not None:
            raise ValueError("Groq takes reasoning_format or include_reasoning, not both")
        return self
