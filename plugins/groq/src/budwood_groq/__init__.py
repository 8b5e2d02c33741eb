"""Groq: Chat Completions, speech, transcription and the list of models."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import MODELS_CHECK, ProviderSpec, hookimpl
from budwood_groq.provider import Groq
from budwood_groq.settings import GroqSettings

__all__ = ["Groq", "GroqSettings", "budwood_providers"]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Return the specification of the provider."""
    return [
        ProviderSpec(
            name="groq",
            settings=lambda: GroqSettings,
            build=Groq,
            requires_api=(2, 0),
            summary="Groq.",
            capabilities=Groq.all_capabilities,
            environment={"api_key": ("GROQ_API_KEY",), "base_url": ("GROQ_BASE_URL",)},
            needs_credential=True,
            key_page="https://console.groq.com/keys",
            key_check=MODELS_CHECK,
            api="openai",
        )
    ]
