"""The circuit breakers of a worker, which the other workers show."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from budwood.errors import BudwoodError
from budwood.types import BreakerChanged, Observation

if TYPE_CHECKING:
    from budwood.types import EndpointState
    from budwood_server.gateway.configuration import Configuration


class BreakerAnnouncer:
    """
    An observer that has a worker report its state after each change of a breaker.

    Args:
        announce: Reports the state. It is called once the call that changed the breaker lets others run.
    """

    event_types = (BreakerChanged,)

    def __init__(self, announce: Callable[[], None]) -> None:
        self._announce = announce

    def observe(self, event: Observation) -> None:
        """Note that the state is to be reported."""
        asyncio.get_running_loop().call_soon(self._announce)


def list_endpoints(configuration: Configuration) -> list[EndpointState]:
    """Return the endpoints that a worker can use, with the states of their breakers."""
    found: list[EndpointState] = []
    for provider in configuration.providers:
        try:
            found += configuration.client.endpoints(provider)
        except BudwoodError:  # it cannot be used, so it has no breaker
            continue
    return found


def list_open_breakers(configuration: Configuration) -> tuple[str, ...]:
    """Return the names of the endpoints that a worker does not use at the moment."""
    return tuple(each.name for each in list_endpoints(configuration) if each.state != "closed")
