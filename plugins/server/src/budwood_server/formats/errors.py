"""Problems in the form of each API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from budwood_server.web.problems import Problem

OWN: Final = "budwood"
"""The API of the server itself, under ``/api``."""

_ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def encode_openai(problem: Problem, request_id: str) -> dict[str, Any]:
    """Return the body of an error as OpenAI documents it, with the hint and the id of the request."""
    return {
        "error": {
            "message": problem.message,
            "type": problem.type,
            "param": problem.param,
            "code": problem.code,
            "hint": problem.hint,
            "request_id": request_id,
        }
    }


def encode_anthropic(problem: Problem, request_id: str) -> dict[str, Any]:
    """Return the body of an error as Anthropic documents it, with the hint and our code."""
    kind = _ANTHROPIC_TYPES.get(problem.status, "api_error" if problem.status >= 500 else "invalid_request_error")
    error = {
        "type": kind,
        "message": problem.message,
        "code": problem.code,
        "param": problem.param,
        "hint": problem.hint,
    }
    return {"type": "error", "error": error, "request_id": request_id}


def encode_own(problem: Problem, request_id: str) -> dict[str, Any]:
    """Return the body of an error of the API of the server itself, under ``/api``."""
    code = problem.code or "error"
    return {"error": {"code": code, "message": problem.message, "hint": problem.hint, "request_id": request_id}}


ENCODERS: Final[Mapping[str, Callable[[Problem, str], dict[str, Any]]]] = {
    "openai": encode_openai,
    "anthropic": encode_anthropic,
    OWN: encode_own,
}
"""The form of errors, by API."""
