"""Create transports; aiohttp is imported when the first one is created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood.contracts import PluginContext
from budwood.wire.lazy_transports import AsyncOnlyTransports
from budwood.wire.transport_settings import TransportSettings

if TYPE_CHECKING:
    from budwood_aiohttp.transport import AiohttpTransport


def build_transports(settings: TransportSettings, context: PluginContext) -> AsyncOnlyTransports[AiohttpTransport]:
    """Return the factory of transports with these settings."""

    def create() -> AiohttpTransport:
        from budwood_aiohttp.transport import AiohttpTransport

        return AiohttpTransport(settings, monotonic=context.clock.monotonic)

    return AsyncOnlyTransports("aiohttp", create)
