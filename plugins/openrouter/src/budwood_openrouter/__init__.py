"""OpenRouter: chat, images, speech and transcription."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import ProviderSpec, hookimpl
from budwood_openrouter.provider import OpenRouter
from budwood_openrouter.settings import OpenRouterSettings

__all__ = ["OpenRouter", "OpenRouterSettings", "budwood_providers"]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Return the specification of the provider."""
    return [
        ProviderSpec(
            name="openrouter",
            settings=lambda: OpenRouterSettings,
            build=OpenRouter,
            requires_api=(2, 0),
            summary="OpenRouter.",
            capabilities=OpenRouter.all_capabilities,
            environment={"api_key": ("OPENROUTER_API_KEY",), "base_url": ("OPENROUTER_BASE_URL",)},
            needs_credential=True,
            key_page="https://openrouter.ai/settings/keys",
            key_pattern="sk-or-.+",
            key_check="/key",
            api="openai",
        )
    ]
