"""The built-in plugin of the default transport, which registers like any other plugin."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import TransportSpec, hookimpl
from budwood.transports.default import PooledTransports, build_transports
from budwood.wire.transport_settings import TransportSettings

__all__ = ["PooledTransports", "budwood_transports"]


@hookimpl
def budwood_transports() -> Iterable[TransportSpec[Any]]:
    """Describe the default transport."""
    return [
        TransportSpec(
            name="default",
            settings=lambda: TransportSettings,
            build=build_transports,
            requires_api=(2, 0),
            summary="Blocking and async, with all kinds of proxies and HTTP/2, on the connections of httpcore.",
        )
    ]
