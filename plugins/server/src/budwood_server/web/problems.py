"""What is wrong with a request, or with its call, before it is encoded in the form of an API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """
    An error for the client.

    Attributes:
        status: The HTTP status.
        message: What happened.
        type: OpenAI's type of error, such as ``"invalid_request_error"``.
        code: A stable code for programs, such as ``"model_not_found"``.
        param: The field of the request that is wrong, or None.
        hint: What to do, or None.
        headers: Further headers of the reply, such as ``retry-after``.
    """

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    hint: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


CLIENT_GONE: Final = 499
"""The status of requests whose client has left before the reply, as nginx records it."""

SLOW_BODY: Final = Problem(
    status=408,
    message="The request body did not arrive in time.",
    code="request_timeout",
    headers={"connection": "close"},
)
"""What is wrong with a request whose body is not complete after its time. The rest of it may follow."""


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class ClientGoneError(Exception):
    """The client has closed the connection; nothing can be sent to it."""


def reject(
    message: str, *, param: str | None = None, code: str | None = None, hint: str | None = None, status: int = 400
) -> ProblemError:
    """
    Return the error for an invalid request.

    Args:
        message: What is wrong.
        param: The field that is wrong, such as ``"messages[0].content"``.
        code: A stable code for programs; by default ``"invalid_value"`` with a field, else ``"invalid_request"``.
        hint: What to do.
        status: The HTTP status.
    """
    return ProblemError(
        Problem(
            status=status,
            message=message,
            code=code or ("invalid_value" if param else "invalid_request"),
            param=param,
            hint=hint,
        )
    )


def reject_unsupported(field_name: str, reason: str, *, hint: str | None = None) -> ProblemError:
    """Return the error for a field that cannot be translated for the model that was asked for."""
    return reject(
        f"The field {field_name!r} is not supported: {reason}.", param=field_name, code="unsupported_field", hint=hint
    )


def reject_size(name: str, limit: int, setting: str | None = None) -> ProblemError:
    """
    Return the error for a body that is too large.

    Args:
        name: What is too large.
        limit: The maximum number of bytes.
        setting: What the operator may raise in ``[server]``, if it is a setting.
    """
    return reject(
        f"The {name} has more than {limit:,} bytes.",
        code="request_too_large",
        hint="Send less" + (f", or have the operator raise {setting} in [server]." if setting else "."),
        status=413,
    )


def describe_invalid(error: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, for an error of Pydantic with its context."""
    match error.get("type"):
        case "extra_forbidden":
            return "there is no such field"
        case "missing":
            return "it is missing"
        case "string_too_short" | "string_too_long":
            is_short = error["type"] == "string_too_short"
            number = error["ctx"]["min_length" if is_short else "max_length"]
            return f"it must have at {'least' if is_short else 'most'} {number} character{'' if number == 1 else 's'}"
        case _:
            text: str = error.get("msg", "is not valid")
            return text.removeprefix("Value error, ").rstrip(".")


def describe_unknown_route(path: str) -> Problem:
    """Return the problem of a path that has no route."""
    return Problem(
        status=404,
        message=f"There is no route {path}.",
        code="unknown_route",
        hint="GET /openapi.json lists the routes of this server.",
    )
