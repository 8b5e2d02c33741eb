"""Anthropic: the Messages API."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import MODELS_CHECK, ProviderSpec, hookimpl
from budwood_anthropic.provider import Anthropic
from budwood_anthropic.settings import AnthropicSettings

__all__ = ["Anthropic", "AnthropicSettings", "budwood_providers"]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe the provider."""
    return [
        ProviderSpec(
            name="anthropic",
            settings=lambda: AnthropicSettings,
            build=Anthropic,
            requires_api=(2, 0),
            summary="Anthropic's Claude models.",
            capabilities=Anthropic.all_capabilities,
            environment={"api_key": ("ANTHROPIC_API_KEY",), "base_url": ("ANTHROPIC_BASE_URL",)},
            needs_credential=True,
            key_page="https://platform.claude.com/settings/keys",
            key_pattern="sk-ant-.+",
            key_check=MODELS_CHECK,
            api="anthropic",
        )
    ]
