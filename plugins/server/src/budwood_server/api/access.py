"""Who may use a route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from budwood_server.access.authentication import find_key, forbid
from budwood_server.gateway.errors import NO_DATABASE
from budwood_server.people.principals import Principal, from_key
from budwood_server.web.problems import ProblemError
from budwood_server.worker import Worker

if TYPE_CHECKING:
    from budwood_server.database import Database

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="A key of this server: bw_live_…")


class Require:
    """
    A dependency of routes: who sends the request.

    Args:
        scope: What the principal must be allowed to do; None if it is enough to have a valid key or account.
    """

    def __init__(self, scope: str | None) -> None:
        self.scope = scope

    async def __call__(
        self, request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Principal:
        """
        Return the principal.

        Raises:
            ProblemError: 401 without a valid key; 403 if it may not do this.
        """
        principal = from_key(await find_key(get_worker(request), request.headers.get))
        if self.scope is not None and self.scope not in principal.scopes:
            raise forbid(principal.scopes, self.scope, principal.kind)
        return principal


def require(scope: str | None) -> Require:
    """Return the dependency of routes that need a scope, or any principal without one."""
    return Require(scope)


def get_worker(request: Request) -> Worker:
    """Return the state of the process."""
    worker: Worker = request.app.state.worker
    return worker


def get_database(request: Request) -> Database:
    """
    Return the database.

    Raises:
        ProblemError: 503: the server has none.
    """
    database = get_worker(request).database
    if database is None:
        raise ProblemError(NO_DATABASE)
    return database
