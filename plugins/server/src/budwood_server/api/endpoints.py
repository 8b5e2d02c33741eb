"""``/api/endpoints``: the providers of the gateway, and the health of their endpoints."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter, Depends, Request

from budwood.errors import BudwoodError
from budwood.types import EndpointState
from budwood_server.api.access import get_worker, require
from budwood_server.api.errors import list_responses
from budwood_server.api_models.endpoints import Endpoint, EndpointsReply, ProviderEndpoints
from budwood_server.people.principals import Principal
from budwood_server.people.roles import ENDPOINTS_READ
from budwood_server.telemetry.filters import sees_all

router = APIRouter(prefix="/api/endpoints", tags=["endpoints"])

Reader = Annotated[Principal, Depends(require(ENDPOINTS_READ))]


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
