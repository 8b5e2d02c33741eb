"""
Errors of calls to a server.

::

    budwood.BudwoodError
    └── budwood.ProviderError
        ├── APIError                     the server answered with an error
        │   ├── InvalidRequestError      400, 413, 422
        │   ├── AuthenticationError      401
        │   ├── PermissionDeniedError    403
        │   ├── NotFoundError            404
        │   ├── ConflictError            409
        │   ├── RateLimitError           429
        │   ├── ServerError              5xx
        │   └── BadResponseError         the reply is not in the form of the API
        └── NetworkError                 there is no answer
            ├── ConnectionFailedError    the connection failed or broke
            └── RequestTimeoutError      it took too long

Those with the name of an error of `budwood` are also errors of that class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import from_json

from budwood import errors
from budwood.providing.errors import RETRYABLE_STATUSES
from budwood.providing.headers import parse_request_id, parse_retry_after
from budwood.types import ReplyHead

IN_PROGRESS: Final = "idempotency_in_progress"
"""The code of a conflict with an earlier attempt of the same request, which has not ended."""

NO_KEYS: Final = "idempotency_unavailable"
"""The code of a server that cannot keep replies for idempotency keys."""

_CHECK_URL: Final = "Check the URL of the server, and that no proxy or login page answers instead."
_MAX_MESSAGE: Final = 2000


class APIError(errors.ProviderError):
    """
    The server answered with an error.

    Attributes:
        status: The HTTP status.
        code: The server's code, such as ``"not_found"``.
        message: What happened.
        hint: What to do, or None.
        request_id: Identifies the request in the log of the server.
        retry_after: Seconds after which the server asks to try again, or None.
        retryable: Whether the same call may succeed later.
    """


class InvalidRequestError(APIError, errors.InvalidRequestError):
    """The request is not valid (400, 413, 422)."""


class AuthenticationError(APIError, errors.AuthenticationError):
    """The key or the login is not valid (401)."""


class PermissionDeniedError(APIError, errors.PermissionDeniedError):
    """The key or the account may not do this (403)."""


class NotFoundError(APIError, errors.NotFoundError):
    """There is no such thing (404)."""


class ConflictError(APIError):
    """It contradicts the state of the server, such as a name that is in use (409)."""


class RateLimitError(APIError, errors.RateLimitError):
    """A limit or a budget is reached (429)."""


class ServerError(APIError, errors.ServerError):
    """The server, or the vendor behind it, failed (5xx)."""

    hint: str | None = "Retry later. If it fails again, give the operator of the server the error's `request_id`."


class BadResponseError(APIError, errors.BadResponseError):
    """The reply is not in the form of the API."""

    hint: str | None = _CHECK_URL


class NetworkError(errors.ProviderError):
    """There is no answer of the server. Whether it has received the request is not known."""


class ConnectionFailedError(NetworkError, errors.ConnectionFailedError):
    """The connection failed or broke."""


class RequestTimeoutError(NetworkError, errors.RequestTimeoutError):
    """The call took too long."""


_BY_STATUS: Final[Mapping[int, type[APIError]]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
}

_FINAL_CODES: Final = frozenset({"budget_exceeded", "idempotency_conflict"})
"""Codes of errors that stay although their status may be one of temporary errors."""


def make_error(head: ReplyHead, body: bytes) -> APIError:
    """Return the error for a reply whose status is not 2xx."""
    details = _find_details(body)
    kind = _BY_STATUS.get(head.status, ServerError if head.status >= 500 else APIError)
    message, hint = details.get("message"), details.get("hint")
    if not isinstance(message, str) or not message:  # not from the server, but perhaps from a proxy before it
        message, hint = f"The server answered with HTTP status {head.status}.", _CHECK_URL
    error = kind(message[:_MAX_MESSAGE], hint=hint if isinstance(hint, str) else None)
    return _complete(error, head, details)


def make_stream_error(head: ReplyHead, data: bytes) -> APIError:
    """Return the error that an event of a stream reports. It is not retried: a part of the reply has arrived."""
    details = _find_details(data)
    error = APIError(str(details.get("message", "The stream ended with an error."))[:_MAX_MESSAGE])
    _complete(error, head, details).retryable = False
    return error


def convert_network_error(error: errors.ProviderError) -> errors.ProviderError:
    """Return the error of this module for one of a transport."""
    converted: errors.ProviderError
    if isinstance(error, errors.RequestTimeoutError):
        converted = RequestTimeoutError(error.message, phase=error.phase, hint=error.hint)
    elif isinstance(error, errors.ConnectionFailedError):
        converted = ConnectionFailedError(error.message, hint=error.hint)
        converted.is_unsent = error.is_unsent
    elif isinstance(error, errors.BadResponseError):
        converted = BadResponseError(error.message, hint=error.hint)
    else:
        return error
    converted.retryable = error.retryable
    return converted


def _complete(error: APIError, head: ReplyHead, details: Mapping[str, Any]) -> APIError:
    code, request_id = details.get("code"), details.get("request_id")
    error.status = head.status
    error.code = code if isinstance(code, str) else None
    error.request_id = request_id if isinstance(request_id, str) else parse_request_id(head.headers)
    error.retry_after = parse_retry_after(head.headers)
    if error.code == IN_PROGRESS:
        error.retryable = True
        return error
    is_temporary = error.retryable or head.status in RETRYABLE_STATUSES
    error.retryable = is_temporary and error.code not in _FINAL_CODES and not isinstance(error, ConflictError)
    return error


def _find_details(body: bytes) -> Mapping[str, Any]:
    """Return the object ``error`` of a body; empty if it has none."""
    try:
        tree = from_json(body)
    except ValueError:
        return {}
    details = tree.get("error") if isinstance(tree, dict) else None
    return details if isinstance(details, dict) else {}
