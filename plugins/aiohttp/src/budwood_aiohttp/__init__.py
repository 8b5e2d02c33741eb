"""A transport for async clients, with aiohttp."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import TransportSpec, hookimpl
from budwood.wire.transport_settings import TransportSettings
from budwood_aiohttp.plugin import build_transports

__all__ = ["budwood_transports"]


@hookimpl
def budwood_transports() -> Iterable[TransportSpec[Any]]:
    """Describe the transport."""
    return [
        TransportSpec(
            name="aiohttp",
            settings=lambda: TransportSettings,
            build=build_transports,
            requires_api=(2, 0),
            summary="For async clients, also with HTTP proxies; uses less CPU than the default.",
        )
    ]
