"""Make transports; httptools is imported when one is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood.contracts import PluginContext
from budwood.wire.lazy_transports import AsyncTransports
from budwood.wire.transport_settings import TransportSettings

if TYPE_CHECKING:
    from budwood_httptools.transport import HttptoolsTransport


def build_transports(settings: TransportSettings, context: PluginContext) -> AsyncTransports[HttptoolsTransport]:
    """Make what makes the transports that the settings describe."""

    def make() -> HttptoolsTransport:
        from budwood_httptools.transport import HttptoolsTransport

        return HttptoolsTransport(settings, monotonic=context.clock.monotonic)

    return AsyncTransports("httptools", make)
