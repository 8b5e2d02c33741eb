"""The cache of a client, and how one call uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from budwood.contracts import Cache, CountingCache, LeasingCache
from budwood.engine.caching.counts import Counter
from budwood.engine.caching.flights import Flights
from budwood.engine.caching.layers import CacheLayer, close_layers, find_layer, make_layers
from budwood.plugins import Instances
from budwood.types import ChatRequest

if TYPE_CHECKING:
    from budwood.engine.caching.modes import CacheMode
    from budwood.option_settings import Options


class ClientCache(NamedTuple):
    """
    The cache of a client.

    Attributes:
        layers: The caches, in the order in which they are read.
        counter: Counts hits and misses.
        leasing: The cache whose leases other processes see; None if no cache has any.
        flights: The requests that are under way.
    """

    layers: tuple[CacheLayer, ...]
    counter: Counter
    leasing: CacheLayer | None
    flights: Flights

    def for_call(self, options: Options, mode: CacheMode, sample: int | None) -> CallCache:
        """Return how a call uses the cache."""
        return CallCache(
            self.layers,
            self.counter,
            self.leasing,
            self.flights,
            mode,
            options.cache_namespace,
            0.0 if mode == "fresh" else options.cache_stale,
            sample,
            options.cache_max_temperature,
        )

    def after_fork(self) -> None:
        """Make the state independent of the parent process. Calls that go on in this process have it, too."""
        self.counter.reset()
        self.flights.reset()
        for layer in self.layers:
            layer.outage.reset_lock()

    def close(self) -> None:
        """Store the counts, and close the caches that the client created."""
        self.counter.close()
        close_layers(self.layers)


def make_cache(instances: Instances, caches: str | Cache | Sequence[str | Cache]) -> ClientCache:
    """
    Return the cache of a client.

    Raises:
        PluginError: A cache does not exist or cannot be used.
    """
    layers = make_layers(instances, caches)
    counter = Counter(find_layer(layers, CountingCache))
    return ClientCache(layers, counter, find_layer(layers, LeasingCache), Flights())


@dataclass(slots=True)
class CallCache:
    """
    How one call uses the cache of its client. See `ClientCache`.

    Attributes:
        mode: Whether it reads the cache.
        namespace: The namespace of its entries.
        max_stale: The seconds for which a reply is used after it was fresh.
        sample: The number of the sample; None for calls without one.
        max_temperature: The highest temperature of chats and completions that use the cache; None for any.
        kept: The key under which the last reply was stored; None if it was not.
    """

    layers: tuple[CacheLayer, ...]
    counter: Counter
    leasing: CacheLayer | None
    flights: Flights
    mode: CacheMode
    namespace: str
    max_stale: float = 0.0
    sample: int | None = None
    max_temperature: float | None = None
    kept: str | None = None

    @property
    def is_read(self) -> bool:
        """Whether stored replies are used."""
        return self.mode != "refresh"

    def takes(self, request: Any) -> bool:  # noqa: ANN401 - each service has requests of its own
        """Tell whether the cache is used for a request."""
        if self.max_temperature is None or not isinstance(request, ChatRequest):
            return True
        return request.temperature is not None and request.temperature <= self.max_temperature
