"""Make the default transport, of the kind that is wanted; what the other kind needs is not imported."""

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
    Makes default transports; see `budwood.contracts.Transports`.

    Args:
        settings: How connections are made.
        monotonic: The clock that deadlines are moments of.
    """

    def __init__(self, settings: TransportSettings, monotonic: Callable[[], float]) -> None:
        self._settings = settings
        self._monotonic = monotonic

    def blocking(self) -> PooledTransport:
        """Make one with blocking I/O."""
        from budwood.transports.pooled import PooledTransport

        return PooledTransport(self._settings, monotonic=self._monotonic)

    def asynchronous(self) -> AsyncPooledTransport:
        """Make one with async I/O."""
        from budwood.transports.pooled_async import AsyncPooledTransport

        return AsyncPooledTransport(self._settings, monotonic=self._monotonic)


def build_transports(settings: TransportSettings, context: PluginContext) -> PooledTransports:
    """Make what makes the transports that the settings describe."""
    return PooledTransports(settings, context.clock.monotonic)
