"""``/api/endpoints``: the providers of the gateway, and the health of their endpoints."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import fields
from typing import Annotated, Final
from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter, Depends, Request

from budwood.errors import BudwoodError
from budwood.types import EndpointState
from budwood_server.api.access import get_worker, require
from budwood_server.api.errors import list_responses
from budwood_server.api_models.endpoints import Endpoint, EndpointsReply, ProviderEndpoints
from budwood_server.people.principals import Principal, sees_all
from budwood_server.people.roles import ENDPOINTS_READ
from budwood_server.worker import WorkerState

router = APIRouter(prefix="/api/endpoints", tags=["endpoints"])

_KNOWN: Final = frozenset(field.name for field in fields(EndpointState))

Reader = Annotated[Principal, Depends(require(ENDPOINTS_READ))]


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_endpoints(request: Request, reader: Reader) -> EndpointsReply:
    """Return the configured providers with the state of their endpoints. Nothing is sent to them."""
    worker = get_worker(request)
    client, is_full = worker.configuration.client, sees_all(reader)
    others = sorted(worker.others(), key=lambda other: other.pid)
    providers = []
    for name in worker.configuration.providers:
        try:
            endpoints = [_describe(state, others, with_url=is_full) for state in client.endpoints(name)]
        except BudwoodError as error:
            reason = error.message if is_full else "It cannot be used."
            providers.append(ProviderEndpoints(name=name, endpoints=[], error=reason))
        else:
            providers.append(ProviderEndpoints(name=name, endpoints=endpoints, error=None))
    pid = os.getpid()
    return EndpointsReply(pid=pid, workers=sorted({pid, *(other.pid for other in others)}), providers=providers)


def _describe(state: EndpointState, others: Iterable[WorkerState], *, with_url: bool) -> Endpoint:
    known = {name: getattr(state, name) for name in Endpoint.model_fields.keys() & _KNOWN}
    url = _clean(state.url) if with_url and state.url else None
    open_in = [other.pid for other in others if state.name in other.open_breakers]
    return Endpoint.model_validate(known | {"url": url, "open_in": open_in})


def _clean(url: str) -> str:
    """Return an address without a user, a password and a query, which may have a key."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
