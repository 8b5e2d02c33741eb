"""Google's Gemini API: chat, embeddings, token counts and the list of models."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import MODELS_CHECK, ProviderSpec, hookimpl
from budwood_gemini.provider import Gemini
from budwood_gemini.settings import GeminiSettings

__all__ = ["Gemini", "GeminiSettings", "budwood_providers"]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe the provider."""
    return [
        ProviderSpec(
            name="gemini",
            settings=lambda: GeminiSettings,
            build=Gemini,
            requires_api=(2, 0),
            summary="Google Gemini.",
            capabilities=Gemini.all_capabilities,
            environment={
                "api_key": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
                "base_url": ("GOOGLE_GEMINI_BASE_URL",),
            },
            needs_credential=True,
            key_page="https://aistudio.google.com/apikey",
            key_pattern=r"(?:AIza|AQ\.).+",
            key_check=MODELS_CHECK,
        )
    ]
