"""Settings of xAI."""

from __future__ import annotations

from pydantic import SecretStr

from budwood_openai_compatible import BaseURL, OpenAICompatibleSettings, OptionalFeature


class XAISettings(OpenAICompatibleSettings):
    """
    Settings of xAI.

    Attributes:
        base_url: The URL without ``/chat/completions``.
        api_key: Begins with ``xai-``.
    """

    base_url: BaseURL = "https://api.x.ai/v1"
    api_key: SecretStr | None = None
    offers: frozenset[OptionalFeature] = frozenset({"files", "videos"})
