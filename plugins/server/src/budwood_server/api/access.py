"""Who may use a route."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from budwood_server.access.authentication import INVALID_LOGIN, find_key, find_token, forbid
from budwood_server.access.keys import ADMIN
from budwood_server.gateway.errors import NO_DATABASE
from budwood_server.people.logins import ACCESS_PREFIX, SecretKind, find_csrf_token, find_login
from budwood_server.people.principals import Principal, from_key
from budwood_server.web.problems import ProblemError, reject
from budwood_server.worker import Worker

if TYPE_CHECKING:
    from budwood_server.database import Database

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="A key of this server, bw_live_…, or the access token of a login, bw_access_…",
)


COOKIE: Final = "budwood_session"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


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
            ProblemError: 401 without a valid key, access token or cookie; 403 if it may not do this, or if a cookie
                would change something without the same origin and the token of the page.
        """
        principal = await find_principal(request)
        if self.scope is not None and self.scope not in principal.scopes:
            raise forbid(principal.scopes, self.scope, principal.kind)
        return principal


def require(scope: str | None) -> Require:
    """Return the dependency of routes that need a scope, or any principal without one."""
    return Require(scope)


Admin = Annotated[Principal, Depends(require(ADMIN))]
"""The type of a parameter of a route for administrators."""


async def find_principal(request: Request) -> Principal:
    """
    Return who sends a request: a header takes precedence over the cookie.

    Raises:
        ProblemError: 401 without a valid key, access token or cookie; 403 if a cookie would change something without
            the same origin and the token of the page.
    """
    token = find_token(request.headers.get)
    if token is not None and token.startswith(ACCESS_PREFIX):
        return await find_logged_in(request, token, "access")
    cookie = request.cookies.get(COOKIE)
    if cookie is None or token is not None or "authorization" in request.headers:
        return from_key(await find_key(get_worker(request), request.headers.get))
    principal = await find_logged_in(request, cookie, "cookie")
    if request.method not in _SAFE:
        check_origin(request)
        check_csrf_token(cookie, request.headers.get("x-csrf-token", ""))
    return principal


async def find_logged_in(request: Request, secret: str, kind: SecretKind) -> Principal:
    """
    Return the account of a login.

    Args:
        request: The request.
        secret: What proves the login.
        kind: What that is, such as ``"cookie"``.

    Raises:
        ProblemError: 401: it is not valid, or the account was disabled.
    """
    async with get_database(request).read() as connection:
        login = await find_login(connection, secret, kind)
    if login is None:
        raise ProblemError(INVALID_LOGIN)
    return login.principal


def check_csrf_token(cookie: str, token: str) -> None:
    """
    Check that a page of a login sends a change.

    Raises:
        ProblemError: 403: the token is not that of the cookie.
    """
    check_token(find_csrf_token(cookie), token)


def check_token(expected: str, token: str) -> None:
    """
    Check a token with which a page sends a change.

    Raises:
        ProblemError: 403: it is another one.
    """
    if not compare_digest(token.encode(), expected.encode()):
        raise reject(
            "The header x-csrf-token is missing or not that of the session.",
            code="invalid_csrf_token",
            hint="Load the page again.",
            status=403,
        )


def check_origin(request: Request) -> None:
    """
    Check that a page of this server sends a request that changes something.

    Raises:
        ProblemError: 403: another page does, or it is not known which.
    """
    _, _, origin = request.headers.get("origin", "").partition("://")
    if not origin or origin.lower() != request.headers.get("host", "").lower():
        raise reject(
            "The request does not come from a page of this server.",
            code="wrong_origin",
            hint="Send the address of this server in the header origin, as in https://budwood.example.org. "
            'Programs log in with "kind": "program", and send a key or an access token instead of a cookie. '
            "A proxy must pass on the header host.",
            status=403,
        )


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
