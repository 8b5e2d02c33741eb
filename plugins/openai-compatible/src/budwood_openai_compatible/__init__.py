"""A provider for servers that implement OpenAI's API, and its codecs as a library for plugins of vendors."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import MODELS_CHECK, ProviderSpec, hookimpl
from budwood_openai_compatible.batches import OpenAIBatches, OpenAIFileBatches
from budwood_openai_compatible.body import Body
from budwood_openai_compatible.provider import OpenAICompatible
from budwood_openai_compatible.settings import BaseURL, MissingFeature, OpenAICompatibleSettings, OptionalFeature

__all__ = [
    "BaseURL",
    "Body",
    "MissingFeature",
    "OpenAIBatches",
    "OpenAICompatible",
    "OpenAICompatibleSettings",
    "OpenAIFileBatches",
    "OptionalFeature",
    "budwood_providers",
]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Return the specification of the provider."""
    return [
        ProviderSpec(
            name="openai-compatible",
            settings=lambda: OpenAICompatibleSettings,
            build=OpenAICompatible,
            requires_api=(2, 0),
            summary="Servers that implement OpenAI's API.",
            capabilities=OpenAICompatible.all_capabilities,
            environment={"base_url": ("OPENAI_COMPATIBLE_BASE_URL",), "api_key": ("OPENAI_COMPATIBLE_API_KEY",)},
            key_check=MODELS_CHECK,
            api="openai",
        )
    ]
