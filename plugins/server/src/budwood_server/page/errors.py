"""Errors as pages."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from budwood.errors import BudwoodError
from budwood_server.api.errors import describe_error
from budwood_server.gateway.errors import INTERNAL
from budwood_server.page.templating import render
from budwood_server.web.problems import CLIENT_GONE, ClientGoneError, Problem, ProblemError

LOGIN: Final = "/admin/login"


async def _answer_error(request: Request, error: Exception) -> Response:
    problem = describe_error(error)
    return _to_login(request) if problem.status == HTTPStatus.UNAUTHORIZED else _show(request, problem)


async def _answer_nobody(_request: Request, _error: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)  # no client is left to answer


async def _answer_internal(request: Request, _error: Exception) -> Response:
    return _show(request, INTERNAL)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    messages = {404: "There is no such page.", 405: "This page cannot be opened like this."}
    headers = (error.headers if isinstance(error, HTTPException) else None) or {}
    message = messages.get(status, HTTPStatus(status).phrase)
    return _show(request, Problem(status=status, message=message, headers=headers))


HANDLERS: Final[Mapping[Any, Any]] = {
    ProblemError: _answer_error,
    BudwoodError: _answer_error,
    HTTPException: _answer_http_error,
    ClientGoneError: _answer_nobody,
    Exception: _answer_internal,
}


def _to_login(request: Request) -> Response:
    """Return a redirection to the login, which leads back to a page that was read."""
    target = request.url.path
    if request.url.query:
        target = f"{target}?{request.url.query}"
    is_page = request.method == "GET" and "hx-request" not in request.headers
    url = f"{LOGIN}?{urlencode({'next': target})}" if is_page and target != "/admin" else LOGIN
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"hx-redirect": url})
    return RedirectResponse(url, 303)


def _show(request: Request, problem: Problem) -> Response:
    values = {"problem": problem, "request_id": getattr(request.state, "request_id", "")}
    text = render(request, "error.html", values)
    return HTMLResponse(text, problem.status, headers=dict(problem.headers))
