"""
A provider without network and model weights. It is not a language model: it returns parts of its input.

It answers with the most relevant sentences of a passage, asks questions about a passage from templates, and fills JSON
schemas with values from a text. The same input always gives the same output.
"""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import ProviderSpec, hookimpl
from budwood_offline.provider import CAPABILITIES, MODEL, Offline, OfflineSettings

__all__ = ["MODEL", "Offline", "OfflineSettings", "budwood_providers"]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe the provider."""
    return [
        ProviderSpec(
            name="offline",
            settings=lambda: OfflineSettings,
            build=Offline,
            requires_api=(2, 0),
            summary="Not a language model: returns sentences of its context, for trials and tests.",
            capabilities=CAPABILITIES,
            inline=True,
        )
    ]
