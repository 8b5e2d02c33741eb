"""Make transports; aiohttp is imported when one is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood.contracts import PluginContext
from budwood.wire.lazy_transports import AsyncTransports
from budwood.wire.transport_settings import TransportSettings

if TYPE_CHECKING:
    from budwood_aiohttp.transport import AiohttpTransport


def build_transports(settings: TransportSettings, context: PluginContext) -> AsyncTransports[AiohttpTransport]:
    """Make what makes the transports that the settings describe."""

    def make() -> AiohttpTransport:
        from budwood_aiohttp.transport import AiohttpTransport

        return AiohttpTransport(settings, monotonic=context.clock.monotonic)

    return AsyncTransports("aiohttp", make)
