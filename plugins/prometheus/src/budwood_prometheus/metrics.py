"""The metrics, which exist once in each registry of `prometheus_client`."""

from __future__ import annotations

import threading
import weakref
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_TARGET: Final = ("provider", "model")
_REQUEST: Final = (*_TARGET, "service", "outcome", "label")
_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
"""The boundaries of the buckets of durations, in seconds."""


_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)


class Series(dict[tuple[str, ...], _Metric]):
    """
    The time series of a metric, by the values of their labels. Each is created when it is first used.

    The method ``labels`` of the metric checks the values and takes a lock, which costs 7 µs a call in sum.

    Args:
        metric: The metric.
    """

    def __init__(self, metric: _Metric) -> None:
        super().__init__()
        self._metric: _Metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> _Metric:
        """Create the series of these values, or return it if another thread has done so."""
        series: _Metric = self._metric.labels(*labels)
        self[labels] = series
        return series


class Metrics:
    """
    The metrics of one registry.

    Args:
        registry: Where they are registered.

    Attributes:
        requests: Requests of the user. The outcome is ``"success"``, ``"cached"``, ``"error"``, or ``"abandoned"`` if
            the caller left; ``error`` is the class of the error, or empty.
        request_seconds: Their durations, with attempts, pauses and tools.
        first_token_seconds: The times from the start of an attempt to the first content of a stream.
        attempts: The requests that were sent, by status and class of the error, which are empty if there is none.
        attempt_seconds: Their durations.
        tokens: The tokens that vendors reported, by kind. Those of the cache are part of the input, and those of
            reasoning are part of the output.
        cost: What attempts cost, in US dollars.
        unknown_costs: The successful attempts whose cost is not known.
        cache_hits: The replies from the cache, or from an equal call at the same time.
        saved: What they would have cost, in US dollars, as far as that is known.
        cache_failures: The failed reads and writes of caches.
        retries: The retries that were scheduled, by class of the error.
        failovers: How often a call left an endpoint that failed.
        breaker_open: Whether the circuit breaker of an endpoint is open: 1 or 0.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def count(name: str, text: str, labels: tuple[str, ...]) -> Series[Counter]:
            return Series(Counter(f"budwood_{name}", text, labels, registry=registry))

        def measure(name: str, text: str, labels: tuple[str, ...]) -> Series[Histogram]:
            return Series(Histogram(f"budwood_{name}", text, labels, registry=registry, buckets=_SECONDS))

        self.requests = count("requests", "Requests of the user.", (*_REQUEST, "error"))
        self.request_seconds = measure("request_duration_seconds", "Durations of requests.", _REQUEST)
        self.first_token_seconds = measure("time_to_first_token_seconds", "Times to the first content.", _TARGET)
        self.attempts = count("attempts", "Requests that were sent.", (*_TARGET, "status", "error"))
        self.attempt_seconds = measure("attempt_duration_seconds", "Durations of attempts.", _TARGET)
        self.tokens = count("tokens", "Tokens that vendors reported.", (*_TARGET, "kind"))
        self.cost = count("cost_dollars", "Cost of attempts in US dollars.", _TARGET)
        self.unknown_costs = count("unknown_costs", "Successful attempts of unknown cost.", _TARGET)
        self.cache_hits = count("cache_hits", "Replies from the cache, or from an equal call.", _TARGET)
        self.saved = count("saved_dollars", "US dollars that the cache has saved.", _TARGET)
        self.cache_failures = count("cache_failures", "Failed reads and writes of caches.", ("cache", "operation"))
        self.retries = count("retries", "Scheduled retries.", (*_TARGET, "error"))
        self.failovers = count("failovers", "Calls that left a failed endpoint.", ("endpoint", "error"))
        breaker_open = Gauge(
            "budwood_breaker_open",
            "Whether the circuit breaker of an endpoint is open.",
            ("endpoint",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.breaker_open = Series(breaker_open)


_of_registries: Final[weakref.WeakKeyDictionary[CollectorRegistry, Metrics]] = weakref.WeakKeyDictionary()
_lock: Final = threading.Lock()


def metrics_of(registry: CollectorRegistry) -> Metrics:
    """Return the metrics of a registry, which are created once: observers of several clients share them."""
    with _lock:
        metrics = _of_registries.get(registry)
        if metrics is None:
            metrics = _of_registries[registry] = Metrics(registry)
        return metrics
