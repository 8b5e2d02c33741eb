"""Errors of calls as problems for the client."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    BudgetExceededError,
    BudwoodError,
    CacheMissError,
    CapacityError,
    ConfigurationError,
    ConnectionFailedError,
    ContentFilterError,
    ContextLengthError,
    CredentialError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    PluginError,
    PromptError,
    ProviderError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamInterruptedError,
    StructuredOutputError,
    UnsupportedError,
)
from budwood_prompts.errors import PromptNotFoundError
from budwood_server.database import DatabaseError
from budwood_server.web.problems import Problem, ProblemError

INTERNAL: Final = Problem(
    status=500,
    message="The server failed.",
    type="server_error",
    code="internal_error",
    hint="Retry, and give the operator the request_id if it fails again.",
)

NO_DATABASE: Final = Problem(
    status=503,
    message="The database of the server cannot be used.",
    type="server_error",
    code="database_unavailable",
    hint="Retry later. The log of the server has the reason.",
    headers={"retry-after": "1"},
)

_KINDS: Final[tuple[tuple[type[BudwoodError], int, str, str], ...]] = (
    (BudgetExceededError, 429, "insufficient_quota", "budget_exceeded"),
    (CacheMissError, 404, "invalid_request_error", "not_cached"),
    (PromptNotFoundError, 404, "invalid_request_error", "prompt_not_found"),
    (PromptError, 400, "invalid_request_error", "invalid_prompt"),
    (UnsupportedError, 400, "invalid_request_error", "unsupported"),
    (ContextLengthError, 400, "invalid_request_error", "context_length_exceeded"),
    (ContentFilterError, 400, "invalid_request_error", "content_filter"),
    (InvalidRequestError, 400, "invalid_request_error", "invalid_request"),
    (NotFoundError, 404, "invalid_request_error", "not_found"),
    (RateLimitError, 429, "rate_limit_error", "rate_limit_exceeded"),
    (CapacityError, 503, "server_error", "overloaded"),
    (RequestTimeoutError, 504, "server_error", "timeout"),
    (QuotaExhaustedError, 503, "server_error", "vendor_quota_exhausted"),
    (AuthenticationError, 502, "server_error", "vendor_rejected_credential"),
    (PermissionDeniedError, 502, "server_error", "vendor_denied_permission"),
    (StreamInterruptedError, 502, "server_error", "stream_interrupted"),
    (ConnectionFailedError, 502, "server_error", "connection_failed"),
    (StructuredOutputError, 502, "server_error", "schema_mismatch"),
    (BadResponseError, 502, "server_error", "bad_response"),
    (ServerError, 502, "server_error", "vendor_error"),
    (ProviderError, 502, "server_error", "vendor_error"),
    (CredentialError, 500, "server_error", "missing_credential"),
    (PluginError, 500, "server_error", "plugin_error"),
    (ConfigurationError, 400, "invalid_request_error", "invalid_request"),
)
"""The status, type and code of each class of error. A fault of the vendor's account is none of the client's key."""

_FOR_OPERATORS: Final = (AuthenticationError, PermissionDeniedError, CredentialError, PluginError, QuotaExhaustedError)
"""Errors that only the operator can correct: their hints name settings of the server."""

_FOR_PYTHON: Final = re.compile(r"client\.|Client\b|=…|=\[|\battributes?\b|pass \w+=", re.IGNORECASE)
"""Hints for programs in Python, which mean nothing to clients of the server."""

_HINTS: Final[tuple[tuple[type[BudwoodError], str], ...]] = (
    (StreamInterruptedError, "Retry."),
    (UnsupportedError, "Use a model that supports it. GET /v1/models lists the models."),
    (CacheMissError, "Set cache to 'refresh' once to have the reply stored."),
    (RequestTimeoutError, "Retry, or allow more time by the header x-budwood-timeout."),
)
"""What replaces them, by class."""

_NO_PRICE: Final = "Ask the operator to set prices for the model in [models], or use another model."
_NO_BOUND: Final = (
    'Change or leave out that part, or ask the operator to allow such requests: unknown_price = "ignore" in [options].'
)
"""What to do if the highest cost of a request is not known, and its key has a budget."""


def describe(error: BaseException) -> Problem:
    """Return the problem for an error of a call; `INTERNAL` for one that is a fault of the server."""
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, DatabaseError):
        return NO_DATABASE
    if not isinstance(error, BudwoodError):
        return INTERNAL
    if isinstance(error, BudgetExceededError) and error.required is None and error.left > 0:
        return _describe_unknown_cost(error)
    status, kind, code = next((row[1:] for row in _KINDS if isinstance(error, row[0])), (500, "server_error", "error"))
    if status == 400 and isinstance(error, ProviderError) and error.code:
        code = error.code  # programs compare it with the vendor's
    headers = {}
    if (seconds := _find_delay(error)) is not None:
        headers["retry-after"] = str(math.ceil(max(seconds, 0)))
    message = (
        error.message
        if not isinstance(error, ProviderError) or error.provider is None
        else (f"{error.provider}: {error.message}")
    )
    return Problem(
        status=status,
        message=message,
        type=kind,
        code=code,
        param=_find_param(error) if status < 500 else None,  # else it is not of the client's request
        hint=_find_hint(error),
        headers=headers,
    )


def _describe_unknown_cost(error: BudgetExceededError) -> Problem:
    """Return the problem for a request that no budget permits, however much is left: sending it again does not help."""
    message = error.message.replace(" in extra=", "")
    hint = _NO_PRICE if error.param == "model" else _NO_BOUND
    return Problem(status=400, message=message, code="unknown_cost", param=error.param, hint=hint)


def _find_delay(error: BudwoodError) -> float | None:
    """Return the seconds after which the same request may succeed; None if that is not known."""
    if isinstance(error, BudgetExceededError) and error.resets_at is not None:
        return (error.resets_at - datetime.now(UTC)).total_seconds()
    return getattr(error, "retry_after", None)


def _find_param(error: BudwoodError) -> str | None:
    """Return the field of the request that an error is about, or None."""
    named: str | None = getattr(error, "param", None)
    return named or ("model" if isinstance(error, UnsupportedError) else None)  # it has not what the route is for


def _find_hint(error: BudwoodError) -> str | None:
    """Return what a client of the server can do."""
    if isinstance(error, _FOR_OPERATORS):
        return "Ask the operator of this server."
    if error.hint is None or not _FOR_PYTHON.search(error.hint):
        return error.hint
    return next((hint for kind, hint in _HINTS if isinstance(error, kind)), None)
