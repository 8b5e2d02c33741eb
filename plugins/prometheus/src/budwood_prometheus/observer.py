"""The observer that counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import REGISTRY, CollectorRegistry

from budwood import errors
from budwood.types import (
    AttemptFinished,
    BreakerChanged,
    CacheFailed,
    CacheHit,
    EndpointFailed,
    FirstToken,
    Observation,
    RequestFinished,
    RetryScheduled,
    Usage,
)
from budwood_prometheus.metrics import metrics_of
from budwood_prometheus.server import Endpoint

if TYPE_CHECKING:
    from budwood_prometheus.settings import PrometheusSettings

OTHER: Final = "other"
"""The value of a label for all values that are too many, and for classes of errors that are not Budwood's."""

_TOKENS: Final[Mapping[str, str]] = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
}


class PrometheusObserver:
    """
    Counts requests, attempts, tokens, costs and durations in a registry of `prometheus_client`.

    Observers with the same registry count together.

    Args:
        registry: Where the metrics are registered; by default the global one.
        labels: Whether the metrics of requests have the labels of calls.
        max_values: How many models, and how many labels, are distinguished. Further ones are ``"other"``.
        endpoint: Serves the registry until the observer is closed, if there is one.
    """

    event_types: Final[Collection[type[Observation]]] = (
        AttemptFinished,
        BreakerChanged,
        CacheFailed,
        CacheHit,
        EndpointFailed,
        FirstToken,
        RequestFinished,
        RetryScheduled,
    )

    def __init__(
        self,
        registry: CollectorRegistry = REGISTRY,
        *,
        labels: bool = False,
        max_values: int = 100,
        endpoint: Endpoint | None = None,
    ) -> None:
        self._metrics = metrics_of(registry)
        self._has_labels = labels
        self._models = _Bounded(max_values)
        self._labels = _Bounded(max_values)
        self._endpoint = endpoint
        self._handlers: Final[Mapping[type[Observation], Callable[[Any], None]]] = {
            AttemptFinished: self._count_attempt,
            BreakerChanged: self._set_breaker,
            CacheFailed: self._count_cache_failure,
            CacheHit: self._count_cache_hit,
            EndpointFailed: self._count_failover,
            FirstToken: self._measure_first_token,
            RequestFinished: self._count_request,
            RetryScheduled: self._count_retry,
        }

    def observe(self, event: Observation) -> None:
        """Count an event."""
        handle = self._handlers.get(type(event))
        if handle is not None:
            handle(event)

    def close(self) -> None:
        """Stop serving the metrics, unless another observer still does. The metrics remain in the registry."""
        if self._endpoint is not None:
            self._endpoint.close()

    def _count_request(self, event: RequestFinished) -> None:
        label = self._labels.limit(event.label or "") if self._has_labels else ""
        target = (event.provider, self._models.limit(event.model), event.service, _outcome(event), label)
        error = "" if event.error is None else _error_class(type(event.error).__name__)
        self._metrics.requests[*target, error].inc()
        self._metrics.request_seconds[target].observe(event.seconds)

    def _count_attempt(self, event: AttemptFinished) -> None:
        attempt = event.attempt
        if attempt.cached or attempt.skipped is not None:
            return
        target = (attempt.provider, self._models.limit(attempt.model))
        status = "" if attempt.status is None else str(attempt.status)
        error = "" if attempt.error is None else _error_class(attempt.error)
        self._metrics.attempts[*target, status, error].inc()
        self._metrics.attempt_seconds[target].observe(attempt.duration)
        if attempt.usage is not None:
            self._count_tokens(target, attempt.usage)
        if attempt.cost is not None:
            self._metrics.cost[target].inc(float(attempt.cost))
        elif attempt.error is None:
            self._metrics.unknown_costs[target].inc()

    def _count_tokens(self, target: tuple[str, str], usage: Usage) -> None:
        for kind, field in _TOKENS.items():
            count = getattr(usage, field)
            if count is not None:
                self._metrics.tokens[*target, kind].inc(count)

    def _count_cache_hit(self, event: CacheHit) -> None:
        target = (event.provider, self._models.limit(event.model))
        self._metrics.cache_hits[target].inc()
        if event.saved is not None:
            self._metrics.saved[target].inc(float(event.saved))

    def _count_cache_failure(self, event: CacheFailed) -> None:
        self._metrics.cache_failures[event.cache or "", event.operation].inc()

    def _count_retry(self, event: RetryScheduled) -> None:
        target = (event.provider, self._models.limit(event.model))
        self._metrics.retries[*target, _error_class(event.error)].inc()

    def _count_failover(self, event: EndpointFailed) -> None:
        self._metrics.failovers[event.endpoint, _error_class(event.error)].inc()

    def _measure_first_token(self, event: FirstToken) -> None:
        target = (event.provider, self._models.limit(event.model))
        self._metrics.first_token_seconds[target].observe(event.seconds)

    def _set_breaker(self, event: BreakerChanged) -> None:
        self._metrics.breaker_open[(event.endpoint,)].set(event.state == "open")


class _Bounded:
    """
    Bounds how many values a label has.

    Several threads may each add a value at the limit, which then are a few more.

    Args:
        limit: How many values are distinguished.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: set[str] = set()

    def limit(self, value: str) -> str:
        """Return a value, or `OTHER` if there are too many."""
        if value in self._values:
            return value
        if len(self._values) >= self._limit:
            return OTHER
        self._values.add(value)
        return value


def _outcome(event: RequestFinished) -> str:
    if event.error is not None:
        return "error" if isinstance(event.error, Exception) else "abandoned"
    return "cached" if event.attempts and all(attempt.cached for attempt in event.attempts) else "success"


def _error_class(name: str) -> str:
    """Return the name of a class of errors, if it is Budwood's. Others may be of any number."""
    return name if hasattr(errors, name) else OTHER


def build_observer(settings: PrometheusSettings) -> PrometheusObserver:
    """Build the observer from its settings, with the global registry."""
    endpoint = None if settings.port is None else Endpoint(settings.address, settings.port, REGISTRY)
    return PrometheusObserver(labels=settings.labels, max_values=settings.max_values, endpoint=endpoint)
