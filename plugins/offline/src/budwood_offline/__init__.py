"""
A provider without network and without weights. It is no language model: it repeats what it is given.

It answers with the sentences of its context that matter to the question, asks questions about a passage, and fills JSON
schemas with values from the context. The same input gives the same output, always.
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
            summary="No language model: repeats sentences of its context, for trying and testing.",
            capabilities=CAPABILITIES,
            inline=True,
        )
    ]
