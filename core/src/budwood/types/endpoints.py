"""The state of endpoints and keys, as clients report it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from budwood.types.record import short_repr

BreakerState = Literal["closed", "open", "half-open"]
KeyStatus = Literal["ready", "limited", "exhausted", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """
    What a process knows about an endpoint.

    Attributes:
        name: Identifies it: the provider instance, with a number or a label for a backup: ``"azure"``, ``"azure#2"``.
        provider: The provider instance, as in ``provider/model``.
        url: Its address; None if the model runs inside the process.
        state: The state of its circuit breaker: ``"closed"`` while it is used, ``"open"`` while it rests after
            failures, ``"half-open"`` while one call probes it.
        calls: The attempts of the last minute.
        failures: How many of them failed because of the endpoint.
        consecutive_failures: The failures since its last success.
        in_flight: The attempts that run now.
        latency: The median duration of the last successful attempts, in seconds; None without any.
        first_token: The average time to the first content of streams, in seconds, in which recent ones count most.
        next_probe: Seconds until an open breaker lets a call through; None if it is not open.
        last_error: The class of the last failure.
        concurrency: The limit of concurrent attempts that was set after an overload; None for no limit.
        limits: The limits of all its requests in the settings, by their name.
    """

    name: str
    provider: str
    url: str | None
    state: BreakerState
    calls: int
    failures: int
    consecutive_failures: int
    in_flight: int
    latency: float | None
    first_token: float | None
    next_probe: float | None
    last_error: str | None
    concurrency: int | None = None
    limits: Mapping[str, int | str] = field(default_factory=dict, hash=False)

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """
    What a process knows about an API key. It contains neither the key nor a hash of it.

    Attributes:
        endpoint: The endpoint that uses it, as in `EndpointState.name`.
        label: The label of the key: ``"default"`` for a single key, ``"key-1"``, ``"key-2"`` and so on in a list.
        group: The group of keys that share a quota, as in the settings; a key without one has its own, which is named
            after the endpoint and the key.
        state: ``"ready"``; ``"limited"`` until a rate limit resets; ``"exhausted"`` when its quota or spending limit is
            used up; ``"rejected"`` when the vendor does not accept it.
        calls: The attempts with this key.
        tokens: The tokens that they used, as far as vendors reported them.
        last_error: The class of its last error.
        ready_in: Seconds until a limited key is used again; None if it is not limited.
        limits: The limits of its group in the settings, by their name.
    """

    endpoint: str
    label: str
    group: str
    state: KeyStatus
    calls: int
    tokens: int
    last_error: str | None
    ready_in: float | None = None
    limits: Mapping[str, int | str] = field(default_factory=dict, hash=False)

    __repr__ = short_repr
