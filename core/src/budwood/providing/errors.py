"""Classify error replies: by status and structured code first, by the start of the message last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    CapacityError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    QuotaExhaustedError,
    RateLimitError,
    ServerError,
    UnsupportedParameterError,
)
from budwood.providing.bodies import clip
from budwood.providing.headers import parse_request_id, parse_retry_after
from budwood.providing.refusals import find_refused_parameter, make_rule
from budwood.types import HTTPReply

RETRYABLE_STATUSES: Final = frozenset({408, 409, 425})
"""Statuses below 500, besides 429, after which the same request may succeed."""


CHECK_KEY: Final = "Check the API key."
"""The hint of a rejected key. If none was configured, the engine replaces it."""

LIST_MODELS: Final = "`budwood models list PROVIDER` lists the available models."
"""The hint of a missing model. The engine replaces ``PROVIDER`` by the name of the instance."""

_FATAL_ERRORS: Final = (AuthenticationError, PermissionDeniedError, ContentFilterError, QuotaExhaustedError)
"""Errors that are not retried, whatever ``x-should-retry`` says."""


class ErrorCodes(NamedTuple):
    """
    How a vendor reports errors. The codes are looked up in both the code and the type of an error.

    Attributes:
        quota: Credit or spending limit used up.
        capacity: The vendor is overloaded.
        context: The request exceeds the context window.
        content_filter: A content filter blocked the prompt or the reply.
        unsupported: The model does not take a parameter.
        model_missing: There is no such model.
        credential: The credential is invalid.
        context_message: Regular expression that matches the start of a message that means `context`, for servers that
            send no code. It applies to statuses 400, 413 and 422.
        refusals: Regular expressions for `find_refused_parameter`, in addition to the common ones.
    """

    quota: frozenset[str] = frozenset()
    capacity: frozenset[str] = frozenset()
    context: frozenset[str] = frozenset()
    content_filter: frozenset[str] = frozenset()
    unsupported: frozenset[str] = frozenset()
    model_missing: frozenset[str] = frozenset()
    credential: frozenset[str] = frozenset()
    context_message: str | None = None
    refusals: tuple[str, ...] = ()


NO_ERROR_CODES: Final = ErrorCodes()
"""Errors are classified by their status, and by the common texts that reject a parameter."""


class VendorError(NamedTuple):
    """
    An error as a vendor reports it.

    Attributes:
        message: The vendor's message.
        code: The vendor's code.
        type: The vendor's error type.
        param: The field of our request that caused the error.
        details: The error as the vendor sent it.
        stage: Whether a content filter blocked the prompt or the output.
        categories: The result of each category of a content filter.
    """

    message: str
    code: str | None = None
    type: str | None = None
    param: str | None = None
    details: Mapping[str, Any] = MappingProxyType({})
    stage: Literal["prompt", "output"] = "prompt"
    categories: Mapping[str, Any] = MappingProxyType({})

    @property
    def words(self) -> frozenset[str]:
        """Code and type, since vendors put the specific one in either."""
        return frozenset(word for word in (self.code, self.type) if word)


def classify_error(
    reply: HTTPReply,
    vendor_error: VendorError,
    error_codes: ErrorCodes = NO_ERROR_CODES,
    *,
    in_success: bool = False,
) -> ProviderError:
    """
    Classify an error reply.

    Args:
        reply: Status and headers; its body was parsed into `vendor_error`.
        vendor_error: The error as the vendor reports it.
        error_codes: The meaning of the vendor's codes.
        in_success: Whether the error was inside a reply with status 200. `reply` then has the status that fits the
            error, and the message does not show it.
    """
    if 300 <= reply.status < 400:
        error: ProviderError = _redirected(reply)
    else:
        error = _classify(reply.status, vendor_error, error_codes, in_success=in_success)
    error.status = reply.status or None
    error.code = vendor_error.code or vendor_error.type
    error.param = vendor_error.param
    if error.param is None and isinstance(error, UnsupportedParameterError):
        error.param = find_refused_parameter(vendor_error.message, error_codes.refusals)
    error.request_id = parse_request_id(reply.headers)
    error.retry_after = parse_retry_after(reply.headers)
    should_retry = reply.headers.get("x-should-retry")
    if should_retry in ("true", "false") and not isinstance(error, _FATAL_ERRORS):
        error.retryable = should_retry == "true"
    elif reply.status in RETRYABLE_STATUSES:
        error.retryable = True
    if error.retryable and type(error) is InvalidRequestError:
        error.hint = "Retry later."
    return error


def _classify(status: int, vendor_error: VendorError, error_codes: ErrorCodes, *, in_success: bool) -> ProviderError:
    message, words = clip(vendor_error.message), vendor_error.words
    if words & error_codes.content_filter:
        what = "prompt" if vendor_error.stage == "prompt" else "reply"
        return ContentFilterError(
            f"The content filter blocked the {what}: {message}",
            stage=vendor_error.stage,
            categories=vendor_error.categories,
        )
    if words & error_codes.quota:
        return _quota_exhausted(message)
    if words & error_codes.capacity:
        return CapacityError(f"The vendor is overloaded: {message}")
    if words & error_codes.context or _exceeds_context(status, message, error_codes):
        return ContextLengthError(message, hint="Shorten the messages, or ask a model with a larger context window.")
    if words & error_codes.model_missing:
        return NotFoundError(message, hint=LIST_MODELS)
    refused = find_refused_parameter(message, error_codes.refusals)
    if status in (400, 422) and (words & error_codes.unsupported or refused):
        error = UnsupportedParameterError(message, hint="Leave the parameter out for this model.")
        error.rule = make_rule(vendor_error.param or refused, vendor_error.message)
        return error
    if not in_success and not message.startswith("HTTP "):
        message = f"HTTP {status}: {message}"
    return _by_status(status, message, is_credential=bool(words & error_codes.credential))


def _exceeds_context(status: int, message: str, error_codes: ErrorCodes) -> bool:
    pattern = error_codes.context_message
    return pattern is not None and status in (400, 413, 422) and re.match(pattern, message) is not None


def _quota_exhausted(message: str) -> QuotaExhaustedError:
    return QuotaExhaustedError(
        f"The account's quota is used up: {message}", hint="Raise the limit or add credit with the vendor."
    )


def _redirected(reply: HTTPReply) -> BadResponseError:
    """Return the error for a redirect. Only the host of its target is named: the rest could have secrets."""
    try:
        host = urlsplit(reply.headers.get("location", "")).hostname
    except ValueError:
        host = None
    target = f" to {host}" if host else ""
    return BadResponseError(
        f"The server sent a redirect{target} (HTTP {reply.status}), which is not followed.", hint="Check base_url."
    )


def _by_status(status: int, message: str, *, is_credential: bool) -> ProviderError:
    if status == 401 or is_credential:
        return AuthenticationError(f"The credential was rejected: {message}", hint=CHECK_KEY)
    if status == 402:
        return _quota_exhausted(message)
    if status == 403:
        return PermissionDeniedError(message, hint="Check that the key may use this model, and from this network.")
    if status == 404:
        return NotFoundError(message, hint="Check the model's name and base_url.")
    if status == 429:
        return RateLimitError(message)
    if status in (498, 503, 529):
        return CapacityError(message)
    if status >= 500:
        return ServerError(message)
    return InvalidRequestError(message)
