"""Make transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from budwood.contracts import PluginContext
from budwood.errors import UnsupportedError
from budwood.wire.connecting import TransportSettings

if TYPE_CHECKING:
    from budwood_aiohttp.transport import AiohttpTransport


class AiohttpTransports:
    """
    Makes transports; see `budwood.contracts.Transports`.

    Args:
        settings: How connections are made.
        monotonic: The clock that deadlines are moments of.
    """

    def __init__(self, settings: TransportSettings, monotonic: Callable[[], float]) -> None:
        self._settings = settings
        self._monotonic = monotonic

    def blocking(self) -> NoReturn:
        """
        Refuse.

        Raises:
            UnsupportedError: Always: aiohttp has async I/O only.
        """
        raise UnsupportedError(
            "The transport aiohttp has async I/O only, and Client wants blocking I/O.",
            hint='Use AsyncClient, or transport="auto", which takes aiohttp where it can.',
        )

    def asynchronous(self) -> AiohttpTransport:
        """
        Make one with async I/O.

        Raises:
            UnsupportedError: The settings or the environment want HTTP/2 or a SOCKS proxy.
        """
        from budwood_aiohttp.transport import AiohttpTransport

        return AiohttpTransport(self._settings, monotonic=self._monotonic)


def build_transports(settings: TransportSettings, context: PluginContext) -> AiohttpTransports:
    """Make what makes the transports that the settings describe."""
    return AiohttpTransports(settings, context.clock.monotonic)
