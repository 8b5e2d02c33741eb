"""Errors of what FastAPI serves, all in one form: ``{"error": {"code", "message", "hint", "request_id"}}``."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from budwood.errors import BudwoodError
from budwood_server.access.key_store import GivenKeyError, KeyNotFoundError, KeyRevokedError
from budwood_server.api.pattern_words import describe_pattern
from budwood_server.formats.errors import encode_own
from budwood_server.gateway.errors import INTERNAL, describe
from budwood_server.people.accounts import AccountExistsError, AccountNotFoundError
from budwood_server.vault.master_keys import MasterKeyError, NoMasterKeyError
from budwood_server.vault.store import TokenExistsError, TokenNotFoundError
from budwood_server.web.problems import (
    CLIENT_GONE,
    ClientGoneError,
    Problem,
    ProblemError,
    describe_invalid,
    describe_unknown_route,
)

_KINDS: Final[tuple[tuple[type[BudwoodError], int, str], ...]] = (
    (AccountNotFoundError, 404, "not_found"),
    (AccountExistsError, 409, "exists"),
    (KeyNotFoundError, 404, "not_found"),
    (GivenKeyError, 409, "key_conflict"),
    (KeyRevokedError, 409, "key_conflict"),
    (TokenNotFoundError, 404, "token_not_found"),
    (TokenExistsError, 409, "token_exists"),
    (NoMasterKeyError, 409, "no_master_key"),
    (MasterKeyError, 409, "invalid_master_key"),
)
"""The status and code of each class of error that only these routes raise."""

_CODES: Final[Mapping[int, str]] = {400: "invalid_json", 405: "method_not_allowed"}

_NOT_JSON: Final = "The request body is not valid JSON."


class ErrorDetails(BaseModel):
    """
    What is wrong.

    Attributes:
        code: A stable code for programs.
        message: What happened.
        hint: What to do, or null.
        request_id: Identifies the request in the log.
    """

    code: str
    message: str
    hint: str | None
    request_id: str


class ErrorReply(BaseModel):
    """The body of an error."""

    error: ErrorDetails


def list_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors of a route for the OpenAPI document."""
    return {status: {"model": ErrorReply, "description": HTTPStatus(status).phrase} for status in statuses}


def add_error_handlers(app: FastAPI) -> None:
    """Have an application answer with errors in this form."""
    app.add_exception_handler(ProblemError, _answer_error)
    app.add_exception_handler(BudwoodError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(ClientGoneError, _answer_nobody)
    app.add_exception_handler(Exception, _answer_internal)


def describe_error(error: Exception) -> Problem:
    """Return the problem of an error of a route."""
    for kind, status, code in _KINDS:
        if isinstance(error, kind):
            param = getattr(error, "param", None)
            return Problem(status=status, message=error.message, code=code, param=param, hint=error.hint)
    return describe(error)


def _answer_error(request: Request, error: Exception) -> JSONResponse:
    return _reply(request, describe_error(error))


def _answer_nobody(_request: Request, _error: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)  # no client is left to answer


def _answer_internal(request: Request, _error: Exception) -> JSONResponse:
    return _reply(request, INTERNAL)


def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    status: int = getattr(error, "status_code", 500)
    if status == HTTPStatus.NOT_FOUND:
        return _reply(request, describe_unknown_route(request.url.path))
    message = _NOT_JSON if status == HTTPStatus.BAD_REQUEST else HTTPStatus(status).phrase
    headers = {name.lower(): value for name, value in (getattr(error, "headers", None) or {}).items()}
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {**headers, **_list_methods(request)}
    return _reply(request, Problem(status=status, message=message, code=_CODES.get(status), headers=headers))


def _list_methods(request: Request) -> dict[str, str]:
    """Return the header with all methods of a path; Starlette's has only those of its first route."""
    paths = request.app.openapi()["paths"]
    operations = paths.get(request.url.path) or paths.get(getattr(request.scope.get("route"), "path", None))
    return {"allow": ", ".join(sorted(map(str.upper, operations)))} if operations else {}


def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    """Name the first field that is wrong, without its value."""
    first: Mapping[str, Any] = next(iter(getattr(error, "errors", list)()), {})
    if first.get("type") == "json_invalid":
        return _reply(request, Problem(status=400, message=_NOT_JSON, code="invalid_json"))
    where = ".".join(str(part) for part in first.get("loc", ()))
    text = _describe_invalid(first)
    message = f"{where}: {text}."
    is_json = "json" in request.headers.get("content-type", "")
    hint = None if where != "body" or is_json else "Send JSON with the header content-type: application/json."
    return _reply(request, Problem(status=400, message=message, code="invalid_value", hint=hint))


def _describe_invalid(error: Mapping[str, Any]) -> str:
    """Return what is wrong with a value."""
    if error.get("type") == "string_pattern_mismatch":
        return describe_pattern(error["ctx"]["pattern"])
    return describe_invalid(error)


def _reply(request: Request, problem: Problem) -> JSONResponse:
    content = encode_own(problem, getattr(request.state, "request_id", ""))
    return JSONResponse(content, problem.status, headers=dict(problem.headers))
