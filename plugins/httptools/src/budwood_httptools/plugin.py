"""Create transports; httptools is imported when the first one is created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood.contracts import PluginContext
from budwood.wire.lazy_transports import AsyncOnlyTransports
from budwood.wire.transport_settings import TransportSettings

if TYPE_CHECKING:
    from budwood_httptools.transport import HttptoolsTransport


def build_transports(settings: TransportSettings, context: PluginContext) -> AsyncOnlyTransports[HttptoolsTransport]:
    """Return the factory of transports with these settings."""

    def create() -> HttptoolsTransport:
        from budwood_httptools.transport import HttptoolsTransport

        return HttptoolsTransport(settings, monotonic=context.clock.monotonic)

    return AsyncOnlyTransports("httptools", create)
