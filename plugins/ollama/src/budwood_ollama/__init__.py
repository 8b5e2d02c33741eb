"""Ollama: its native API, on this machine, on another, or in Ollama's cloud."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import ProviderSpec, hookimpl
from budwood_ollama.provider import Ollama
from budwood_ollama.settings import OllamaSettings

__all__ = ["Ollama", "OllamaSettings", "budwood_providers"]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe the provider."""
    return [
        ProviderSpec(
            name="ollama",
            settings=lambda: OllamaSettings,
            build=Ollama,
            requires_api=(2, 0),
            summary="Ollama, by its native API.",
            capabilities=Ollama.all_capabilities,
            environment={"base_url": ("OLLAMA_HOST",), "api_key": ("OLLAMA_API_KEY",)},
            key_page="https://ollama.com/settings/keys",
        )
    ]
