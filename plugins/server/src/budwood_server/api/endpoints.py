"""``/api/endpoints``: the providers of the gateway, and the health of their endpoints."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from budwood.errors import BudwoodError
from budwood.types import EndpointState
from budwood_server.api.access import get_worker, require
from budwood_server.api.errors import list_responses
from budwood_server.people.principals import Principal
from budwood_server.people.roles import ENDPOINTS_READ
from budwood_server.telemetry.filters import sees_all

router = APIRouter(prefix="/api/endpoints", tags=["endpoints"])

Reader = Annotated[Principal, Depends(require(ENDPOINTS_READ))]


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


@router.get("", responses=list_responses(401, 403, 503))
async def list_endpoints(request: Request, reader: Reader) -> EndpointsReply:
    """Return the configured providers with the state of their endpoints. Nothing is sent to them."""
    worker = get_worker(request)
    client, is_full = worker.configuration.client, sees_all(reader)
    providers = []
    for name in worker.configuration.providers:
        try:
            endpoints = [_describe(state, with_url=is_full) for state in client.endpoints(name)]
        except BudwoodError as error:
            reason = error.message if is_full else "It cannot be used."
            providers.append(ProviderEndpoints(name=name, endpoints=[], error=reason))
        else:
            providers.append(ProviderEndpoints(name=name, endpoints=endpoints, error=None))
    pid = worker.state.pid
    return EndpointsReply(
        pid=pid, workers=sorted({pid, *(other.pid for other in worker.others())}), providers=providers
    )


def _describe(state: EndpointState, *, with_url: bool) -> Endpoint:
    fields = {name: getattr(state, name) for name in Endpoint.model_fields}
    return Endpoint.model_validate(fields | {"url": _clean(state.url) if with_url and state.url else None})


def _clean(url: str) -> str:
    """Return an address without a user, a password and a query, which may have a key."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
