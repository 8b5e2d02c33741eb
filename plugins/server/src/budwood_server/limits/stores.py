"""Where the counts of limits are stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from budwood_server.limits.counts import Count, LeaseAnswer, LeaseRequest, Period


class LeaseStore(Protocol):
    """
    Stores counts and leases for all workers.

    Methods raise `OSError` if the store cannot be used. A failed request may have been executed: then units count as
    used that were not.
    """

    async def exchange(self, worker: str, requests: Sequence[LeaseRequest], now: float) -> list[LeaseAnswer]:
        """
        Answer requests for different periods, each atomically; see `budwood_server.limits.counts.exchange`.

        Args:
            worker: The id of the worker.
            requests: The requests.
            now: Seconds since 1970.
        """
        ...

    async def read(self, keys: Collection[str], now: float) -> Mapping[Period, Count]:
        """Return the counts of limits in their present periods; none of periods in which nothing was leased."""
        ...

    async def list_recalled(self, now: float) -> frozenset[Period]:
        """List the periods of which workers return their units in reserve."""
        ...

    async def prune(self, before: float) -> None:
        """Remove the periods that ended before a moment in seconds since 1970."""
        ...

    async def close(self) -> None:
        """Close the connections that the store has opened."""
        ...
