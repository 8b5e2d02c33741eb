"""Any server that speaks OpenAI's Chat Completions: a provider, and the codec as a library for vendors' own plugins."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import ProviderSpec, hookimpl
from budwood_openai_compatible.provider import OpenAICompatible
from budwood_openai_compatible.settings import Address, OpenAICompatibleSettings

__all__ = ["Address", "OpenAICompatible", "OpenAICompatibleSettings", "budwood_providers"]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe the provider."""
    return [
        ProviderSpec(
            name="openai-compatible",
            settings=lambda: OpenAICompatibleSettings,
            build=OpenAICompatible,
            requires_api=(1, 0),
            summary="Any server that speaks OpenAI's Chat Completions.",
            capabilities=OpenAICompatible.all_capabilities,
            environment={"base_url": ("OPENAI_COMPATIBLE_BASE_URL",), "api_key": ("OPENAI_COMPATIBLE_API_KEY",)},
        )
    ]
