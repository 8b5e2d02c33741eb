"""Settings of OpenRouter."""

from __future__ import annotations

from pydantic import SecretStr

from budwood_openai_compatible import BaseURL, OpenAICompatibleSettings, OptionalFeature


class OpenRouterSettings(OpenAICompatibleSettings):
    """
    Settings of OpenRouter.

    Attributes:
        base_url: The URL without ``/chat/completions``.
        api_key: Begins with ``sk-or-``.
    """

    base_url: BaseURL = "https://openrouter.ai/api/v1"
    api_key: SecretStr | None = None
    offers: frozenset[OptionalFeature] = frozenset(
        {"cache_control", "audio_input", "video_input", "document_input", "audio_output", "image_output"}
    )
