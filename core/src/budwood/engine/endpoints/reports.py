"""Report the state of endpoints and keys to users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood.engine.endpoints.endpoint import Endpoint
from budwood.types import EndpointState, KeyState

if TYPE_CHECKING:
    from budwood.endpoint_settings import Limits
    from budwood.engine.keys.pool import KeyPool
    from budwood.types.endpoints import KeyStatus


def describe_endpoint(endpoint: Endpoint, now: float) -> EndpointState:
    """
    Return what the process knows about an endpoint.

    Args:
        endpoint: The endpoint.
        now: The time, by the monotonic clock.
    """
    health, adaptive = endpoint.health, endpoint.health.adaptive
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
        concurrency=adaptive.limit if adaptive is not None else None,
        limits=_describe_limits(endpoint.settings.limits),
    )


def describe_keys(endpoint: Endpoint, now: float) -> list[KeyState]:
    """
    Return what the process knows about the keys of an endpoint, or about the tokens in place of a key.

    Args:
        endpoint: The endpoint.
        now: The time, by the monotonic clock.
    """
    if endpoint.pool is not None:
        return _describe_pool(endpoint, endpoint.pool, now)
    record, label = endpoint.key_record, endpoint.key_label
    if record is None or label is None:
        return []
    status, left = record.status, record.ready_at - now
    is_limited = status == "limited" and left > 0
    return [
        KeyState(
            endpoint=endpoint.label,
            label=label,
            group=f"{endpoint.label}/{label}",
            state="ready" if status == "limited" and not is_limited else status,
            calls=record.calls,
            tokens=record.tokens,
            last_error=record.last_error,
            ready_in=left if is_limited else None,
        )
    ]


def _describe_pool(endpoint: Endpoint, pool: KeyPool, now: float) -> list[KeyState]:
    states = []
    for key in pool.keys:
        group, record = key.group, key.record
        left = group.rests_until - now
        state: KeyStatus = "limited" if left > 0 else "ready"
        if key.is_rejected or group.is_exhausted:
            state = "rejected" if key.is_rejected else "exhausted"
        states.append(
            KeyState(
                endpoint=endpoint.label,
                label=key.lease.credential.label,
                group=group.name,
                state=state,
                calls=record.calls,
                tokens=record.tokens,
                last_error=record.last_error,
                ready_in=left if state == "limited" else None,
                limits=_describe_limits(group.limits),
            )
        )
    return states


def _describe_limits(limits: Limits | None) -> dict[str, int | str]:
    return {} if limits is None else limits.model_dump(exclude_defaults=True)
