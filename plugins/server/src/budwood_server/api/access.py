"""Which keys may use a route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from budwood_server.access.authentication import authenticate
from budwood_server.access.keys import ApiKey
from budwood_server.worker import Worker

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="A key of this server: bw_live_…")


def require(scope: str) -> Callable[..., Awaitable[ApiKey]]:
    """Return the dependency of routes that need a key for a scope."""

    async def find_key(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> ApiKey:
        return await authenticate(get_worker(request), request.headers.get, scope)

    return find_key


def get_worker(request: Request) -> Worker:
    """Return the state of the process."""
    worker: Worker = request.app.state.worker
    return worker
