"""Routes of views: who may use them, and what a change needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from budwood_server.access.authentication import INVALID_LOGIN, forbid
from budwood_server.api.access import COOKIE, check_csrf_token, check_origin, check_token, find_logged_in
from budwood_server.page.forms import Form, read_form
from budwood_server.page.visits import Visit
from budwood_server.people.logins import find_csrf_token
from budwood_server.web.problems import ProblemError

View = Callable[[Visit], Awaitable[Response]]


def get(path: str, view: View, scope: str | None) -> Route:
    """
    Return the route of a view that only reads.

    Args:
        path: The path, with parameters as in ``/admin/keys/{key_id}``.
        view: Answers a visit.
        scope: What the account must be allowed to do; None if any account may.
    """

    async def answer(request: Request) -> Response:
        return await view(await _start_visit(request, scope))

    return Route(path, answer, methods=["GET"])


def post(path: str, view: View, scope: str | None) -> Route:
    """
    Return the route of a view that changes something.

    The request must come from a page of this server, with the token of the login in the header ``x-csrf-token`` or in
    the field ``csrf_token``.
    """

    async def answer(request: Request) -> Response:
        check_origin(request)
        form = await read_form(request)
        visit = await _start_visit(request, scope, form)
        sent = request.headers.get("x-csrf-token") or form.secret("csrf_token")
        check_csrf_token(request.cookies[COOKIE], sent)
        return await view(visit)

    return Route(path, answer, methods=["POST"])


def upload(path: str, view: View, scope: str | None) -> Route:
    """
    Return the route of a view that reads a large form with files itself, as it arrives.

    The request must come from a page of this server, with the token of `Visit.upload_token` in the parameter ``token``
    of its address: so it is checked before anything of the body is read. `body_limits.STREAMED` must have the path.
    """

    async def answer(request: Request) -> Response:
        check_origin(request)
        visit = await _start_visit(request, scope)
        check_token(visit.upload_token, request.query_params.get("token", ""))
        return await view(visit)

    return Route(path, answer, methods=["POST"])


async def _start_visit(request: Request, scope: str | None, form: Form | None = None) -> Visit:
    if any("\0" in str(value) for value in request.path_params.values()):
        raise HTTPException(404)  # PostgreSQL accepts no such id
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        raise ProblemError(INVALID_LOGIN)
    principal = await find_logged_in(request, cookie, "cookie")
    if scope is not None and scope not in principal.scopes:
        raise forbid(principal.scopes, scope, principal.kind)
    return Visit(request, principal, find_csrf_token(cookie), form or Form())
