"""Report the state of endpoints to users."""

from __future__ import annotations

from budwood.engine.pipeline.endpoints import Endpoint
from budwood.types import EndpointState


def describe_endpoint(endpoint: Endpoint, now: float) -> EndpointState:
    """
    Return what the process knows about an endpoint.

    Args:
        endpoint: The endpoint.
        now: The time, by the monotonic clock.
    """
    health = endpoint.health
    calls, failures = health.calls(now)
    return EndpointState(
        name=endpoint.label,
        provider=endpoint.name,
        url=endpoint.url,
        state=health.breaker(),
        calls=calls,
        failures=failures,
        consecutive_failures=health.failures,
        in_flight=len(health.running),
        latency=health.median_latency(),
        first_token=health.first_token,
        next_probe=health.next_probe(now),
        last_error=health.last_error,
    )
