"""Connect to addresses that were checked before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpcore


class PinnedBackend(httpcore.SyncBackend):
    """
    Connects to given addresses, whatever the host is. Nothing is looked up.

    Args:
        addresses: The addresses.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    def connect_tcp(self, host: str, port: int, *arguments: Any, **named: Any) -> httpcore.NetworkStream:  # noqa: ANN401 - httpcore's
        """Connect to the first address that answers."""
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in self._addresses:
            try:
                return super().connect_tcp(address, port, *arguments, **named)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = failure or error
        raise failure or httpcore.ConnectError(host)
