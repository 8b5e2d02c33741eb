"""Create the default transport with blocking or async I/O, and import only what it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from budwood.contracts import PluginContext
from budwood.wire.transport_settings import TransportSettings

if TYPE_CHECKING:
    from budwood.transports.pooled import PooledTransport
    from budwood.transports.pooled_async import AsyncPooledTransport


class PooledTransports:
    """
    Creates default transports; see `budwood.contracts.Transports`.

    Args:
        settings: The settings of connections.
        monotonic: The clock of the deadlines.
    """

    def __init__(self, settings: TransportSettings, monotonic: Callable[[], float]) -> None:
        self._settings = settings
        self._monotonic = monotonic

    def blocking(self) -> PooledTransport:
        """Create one with blocking I/O."""
        from budwood.transports.pooled import PooledTransport

        return PooledTransport(self._settings, monotonic=self._monotonic)

    def asynchronous(self) -> AsyncPooledTransport:
        """Create one with async I/O."""
        from budwood.transports.pooled_async import AsyncPooledTransport

        return AsyncPooledTransport(self._settings, monotonic=self._monotonic)


def build_transports(settings: TransportSettings, context: PluginContext) -> PooledTransports:
    """Return the factory of transports with these settings."""
    return PooledTransports(settings, context.clock.monotonic)
