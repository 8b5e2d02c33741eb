"""Make transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from budwood.contracts import PluginContext
from budwood.errors import UnsupportedError
from budwood.wire.connecting import TransportSettings

if TYPE_CHECKING:
    from budwood_httptools.transport import HttptoolsTransport


class HttptoolsTransports:
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
            UnsupportedError: Always: it has async I/O only.
        """
        raise UnsupportedError(
            "The transport httptools has async I/O only, and Client wants blocking I/O.",
            hint='Use AsyncClient, or transport="auto", which takes httptools where it can.',
        )

    def asynchronous(self) -> HttptoolsTransport:
        """
        Make one with async I/O.

        Raises:
            UnsupportedError: The settings or the environment want HTTP/2 or a proxy.
        """
        from budwood_httptools.transport import HttptoolsTransport

        return HttptoolsTransport(self._settings, monotonic=self._monotonic)


def build_transports(settings: TransportSettings, context: PluginContext) -> HttptoolsTransports:
    """Make what makes the transports that the settings describe."""
    return HttptoolsTransports(settings, context.clock.monotonic)
