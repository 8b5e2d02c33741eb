"""xAI: chat, images, videos, speech, transcription and files."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import MODELS_CHECK, ProviderSpec, hookimpl
from budwood_xai.provider import XAI
from budwood_xai.settings import XAISettings

__all__ = ["XAI", "XAISettings", "budwood_providers"]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Return the specification of the provider."""
    return [
        ProviderSpec(
            name="xai",
            settings=lambda: XAISettings,
            build=XAI,
            requires_api=(2, 0),
            summary="xAI.",
            capabilities=XAI.all_capabilities,
            environment={"api_key": ("XAI_API_KEY",), "base_url": ("XAI_BASE_URL",)},
            needs_credential=True,
            key_page="https://console.x.ai",
            key_pattern="xai-.+",
            key_check=MODELS_CHECK,
            api="openai",
        )
    ]
