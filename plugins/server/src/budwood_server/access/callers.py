"""Who sends a request: a key, or an account that is logged in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from budwood_server.access.account_keys import to_key
from budwood_server.access.authentication import authenticate, find_token, forbid
from budwood_server.formats.errors import OWN
from budwood_server.people.logins import ACCESS_PREFIX

if TYPE_CHECKING:
    from fastapi import FastAPI

    from budwood_server.access.keys import ApiKey
    from budwood_server.people.principals import Principal
    from budwood_server.routes.table import Route
    from budwood_server.web.exchange import Exchange
    from budwood_server.worker import Worker


class Callers:
    """
    Finds who sends requests. Requests with a key need nothing of ``/api``, which is imported for the others.

    Args:
        worker: The state of the process, which knows the keys.
        find_api: Returns the application of ``/api``.
    """

    def __init__(self, worker: Worker, find_api: Callable[[], Awaitable[FastAPI]]) -> None:
        self._worker = worker
        self._find_api = find_api

    async def find_key(self, exchange: Exchange, route: Route) -> ApiKey:
        """
        Return the key of a request, or one that stands for the account whose access token or cookie it has.

        Raises:
            ProblemError: 401 without a valid key or login; 403 if it is not for the route.
        """
        token = find_token(exchange.find_header)
        may_be_account = route.api == OWN if token is None else token.startswith(ACCESS_PREFIX)
        if not may_be_account:  # cookies are not for APIs of vendors
            return await authenticate(self._worker, exchange.find_header, route.scope)
        principal = await self.find_principal(exchange)
        if route.scope not in principal.scopes:
            raise forbid(principal.scopes, route.scope, principal.kind)
        return to_key(principal)

    async def find_principal(self, exchange: Exchange) -> Principal:
        """
        Return who sends a request, whatever it is for.

        Raises:
            ProblemError: 401 without a valid key or login; 403 if a cookie would change something from elsewhere.
        """
        api = await self._find_api()
        from starlette.requests import Request

        from budwood_server.api.access import find_principal

        return await find_principal(Request({**exchange.scope, "app": api}))
