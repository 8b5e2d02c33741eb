"""Providers and their endpoints."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Endpoint(BaseModel):
    """
    What the worker that answers knows about an endpoint of a provider.

    Attributes:
        name: Identifies it: the provider, with a number or a label for a backup.
        url: Its address without credentials; null if the model runs in the server, and for keys of teams.
        state: The state of its circuit breaker: ``"closed"`` while it is used, ``"open"`` while it rests after
            failures, ``"half-open"`` while one call probes it.
        calls: The attempts of the last minute; ``failures`` are those that failed because of the endpoint.
        consecutive_failures: The failures since its last success.
        in_flight: The attempts that run now.
        latency: The median duration of the last successful attempts, in seconds; null without any.
        first_token: The average time to the first content of streams, in seconds, or null.
        next_probe: Seconds until an open breaker lets a call through; null if it is not open.
        last_error: The class of the last failure, or null.
        concurrency: The limit of concurrent attempts that was set after an overload, or null.
        open_in: The numbers of the other processes of the machine whose breaker is not closed.
    """

    name: str
    url: str | None
    state: Literal["closed", "open", "half-open"]
    calls: int
    failures: int
    consecutive_failures: int
    in_flight: int
    latency: float | None
    first_token: float | None
    next_probe: float | None
    last_error: str | None
    concurrency: int | None
    open_in: list[int] = []


class ProviderEndpoints(BaseModel):
    """
    A configured provider.

    Attributes:
        name: Its name in the settings.
        endpoints: Its endpoint, and the backups of it.
        error: Why it cannot be used, or null.
    """

    name: str
    endpoints: list[Endpoint]
    error: str | None


class EndpointsReply(BaseModel):
    """
    The providers, as the worker that answers sees them. Each worker has breakers of its own.

    Attributes:
        pid: The number of its process.
        workers: The numbers of all processes of the machine that answer requests.
        providers: The configured providers.
    """

    pid: int
    workers: list[int]
    providers: list[ProviderEndpoints]
