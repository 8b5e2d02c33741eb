"""Mistral: chat, speech, transcription and files."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import MODELS_CHECK, ProviderSpec, hookimpl
from budwood_mistral.provider import Mistral
from budwood_mistral.settings import MistralSettings

__all__ = ["Mistral", "MistralSettings", "budwood_providers"]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Return the specification of the provider."""
    return [
        ProviderSpec(
            name="mistral",
            settings=lambda: MistralSettings,
            build=Mistral,
            requires_api=(2, 0),
            summary="Mistral.",
            capabilities=Mistral.all_capabilities,
            environment={"api_key": ("MISTRAL_API_KEY",), "base_url": ("MISTRAL_BASE_URL",)},
            needs_credential=True,
            key_page="https://console.mistral.ai/api-keys",
            key_check=MODELS_CHECK,
            api="openai",
        )
    ]
