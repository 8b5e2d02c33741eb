"""Make the right error of a reply: by status and structured code first, by anchored message text last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from pydantic_core import from_json

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
from budwood.providing.headers import request_id, retry_after
from budwood.providing.json_limits import MAX_UNCHECKED_BYTES, check_json_cost
from budwood.providing.refusals import refused_parameter, rule_of
from budwood.types import HTTPReply

MAX_MESSAGE: Final = 500
"""How many characters of a vendor's message are repeated in ours."""

CUT: Final = "…"
"""What ends a text that was shortened."""

RETRYABLE_STATUSES: Final = frozenset({408, 409, 425})
"""Statuses below 500, besides 429, after which the same request may succeed."""


_FATAL_ERRORS: Final = (AuthenticationError, PermissionDeniedError, ContentFilterError, QuotaExhaustedError)
"""Errors that no retry mends, whatever ``x-should-retry`` says."""


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
        refusals: Regular expressions for `refused_parameter`, in addition to the common ones.
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
    What a vendor says about an error.

    Attributes:
        message: The vendor's text.
        code: The vendor's code.
        type: The vendor's type or class of error.
        param: The field of our request that the error is about.
        details: The error as the vendor sent it.
        stage: Whether a content filter blocked the prompt or the output.
        categories: What each category of a content filter found.
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
        """Code and type together: vendors put the telling one in either."""
        return frozenset(word for word in (self.code, self.type) if word)


def parse_json(data: bytes) -> Any:  # noqa: ANN401 - any JSON
    """
    Parse JSON as servers send it.

    A broken character is no reason to discard a reply: half a surrogate pair and invalid UTF-8 become U+FFFD. A byte
    order mark and raw control characters in texts are accepted.

    Raises:
        ValueError: It is not JSON.
        ResponseTooLargeError: It holds millions of values, and parsing it would fill the memory.
    """
    if len(data) > MAX_UNCHECKED_BYTES:
        check_json_cost(data)
    try:
        return from_json(data)
    except ValueError as error:
        from budwood.providing.lenient_json import parse_with_halves, repair

        try:
            return repair(parse_with_halves(data))
        except (ValueError, RecursionError):
            raise error from None


def parse_body(reply: HTTPReply, *request_id_headers: str) -> Any:  # noqa: ANN401 - any JSON
    """
    Parse a body that should be JSON.

    Args:
        reply: The reply.
        request_id_headers: Further headers of the vendor's id of the request; see `request_id`.

    Raises:
        BadResponseError: It is not; the message says what the body is instead. An empty body is retryable: overloaded
            servers send one.
    """
    if not reply.body.strip():
        raise BadResponseError(
            f"The reply has status {reply.status} and an empty body.",
            hint="Ask again later. If it is always so, is base_url the address of the API?",
            status=reply.status,
            request_id=request_id(reply.headers, *request_id_headers),
            retryable=True,
        )
    try:
        return parse_json(reply.body)
    except ValueError as error:
        raise BadResponseError(
            f"The reply is no valid JSON ({error}) but {describe_body(reply.body)}.",
            status=reply.status,
            request_id=request_id(reply.headers, *request_id_headers),
        ) from None


def parse_object(reply: HTTPReply, *request_id_headers: str) -> dict[str, Any]:
    """
    Parse a body that should be a JSON object; see `parse_body`.

    Raises:
        BadResponseError: It is none; the text says what it is instead.
    """
    body = parse_body(reply, *request_id_headers)
    if not isinstance(body, dict):
        raise BadResponseError(
            f"The reply is no JSON object but {describe_body(reply.body)}.",
            status=reply.status,
            request_id=request_id(reply.headers, *request_id_headers),
        )
    return body


def missing_field(reply: HTTPReply, body: Mapping[str, Any], name: str) -> BadResponseError:
    """
    Return the error of a reply with status 200 that lacks the field with its content.

    If the body holds the text of an error, the error quotes it, since the address was then the right one.
    """
    message, hint = f"The reply has no {name}.", None
    if reported := find_message(body):
        message = f"{message} The server reports: {clip(reported)}"
        hint = "Resolve what the server reports."
    return BadResponseError(message, hint=hint, status=reply.status, request_id=request_id(reply.headers))


def require_text(value: object, name: str) -> str:
    """
    Return a text of a reply; null counts as an empty text.

    Args:
        value: The value of the field.
        name: The field, for the error.

    Raises:
        BadResponseError: The value is of another type: without it the reply would seem complete with less text.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise BadResponseError(f"The reply's field {name!r} is not a text but {type(value).__name__}.")


_MESSAGE_FIELDS: Final = (
    "error", "errors", "message", "msg", "detail", "error_description", "error_msg", "error_message", "status_msg",
    "base_resp", "title", "reason",
)  # fmt: skip
"""The fields in which servers and gateways put an error's text, directly or further inside, the most telling first."""

_MAX_DEPTH: Final = 4


def find_message(body: object, depth: int = _MAX_DEPTH) -> str | None:
    """
    Find the text of an error in a parsed body, in any of the forms that servers and gateways use.

    Args:
        body: The body, or a part of it.
        depth: How many levels of objects and lists are searched.

    Returns:
        None if the body holds no such text.
    """
    if isinstance(body, str):
        return body if body.strip() else None
    if depth and isinstance(body, Mapping):
        values = [body[name] for name in _MESSAGE_FIELDS if body.get(name)]
    elif depth and isinstance(body, list):
        values = body[:1]
    else:
        return None
    return next((text for value in values if (text := find_message(value, depth - 1))), None)


def describe_body(body: bytes) -> str:
    """Say in a few words what a body is that is not what was expected."""
    text = body.strip()[:4096].decode("utf-8", "replace").strip()
    if not text:
        return "empty"
    if text[:1] == "<":
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", text, re.IGNORECASE | re.DOTALL)
        return f"HTML ({clip(title[1], 80)!r})" if title else "HTML"
    return f"text that begins with {clip(text, 80)!r}"


def clip(text: str, length: int = MAX_MESSAGE) -> str:
    """Shorten text, on one line; what is not printable is left out, since it may steer a terminal."""
    looked_at = text[: 4 * length]
    shown = " ".join("".join(character for character in looked_at if _shown(character)).split())
    return shown if len(shown) <= length and len(looked_at) == len(text) else shown[: length - 1] + CUT


def _shown(character: str) -> bool:
    return character.isprintable() or character.isspace()


def error_from_reply(
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
    error = _classify(reply.status, vendor_error, error_codes, in_success=in_success)
    error.status = reply.status or None
    error.code = vendor_error.code or vendor_error.type
    error.param = vendor_error.param
    if error.param is None and isinstance(error, UnsupportedParameterError):
        error.param = refused_parameter(vendor_error.message, error_codes.refusals)
    error.request_id = request_id(reply.headers)
    error.retry_after = retry_after(reply.headers)
    should_retry = reply.headers.get("x-should-retry")
    if should_retry in ("true", "false") and not isinstance(error, _FATAL_ERRORS):
        error.retryable = should_retry == "true"
    elif reply.status in RETRYABLE_STATUSES:
        error.retryable = True
    return error


def _classify(status: int, vendor_error: VendorError, error_codes: ErrorCodes, *, in_success: bool) -> ProviderError:
    message, words = clip(vendor_error.message), vendor_error.words
    if words & error_codes.content_filter:
        what = "prompt" if vendor_error.stage == "prompt" else "reply"
        return ContentFilterError(
            f"The content filter refused the {what}: {message}",
            stage=vendor_error.stage,
            categories=vendor_error.categories,
        )
    if words & error_codes.quota:
        return QuotaExhaustedError(
            f"The account's quota is used up: {message}", hint="Raise the limit or add credit with the vendor."
        )
    if words & error_codes.capacity:
        return CapacityError(f"The vendor is overloaded: {message}")
    if words & error_codes.context or _exceeds_context(status, message, error_codes):
        return ContextLengthError(message, hint="Shorten the messages, or ask a model with a larger context window.")
    if words & error_codes.model_missing:
        return NotFoundError(message, hint="`budwood models list PROVIDER` shows the models that there are.")
    refused = refused_parameter(message, error_codes.refusals)
    if status in (400, 422) and (words & error_codes.unsupported or refused):
        error = UnsupportedParameterError(message, hint="Leave the parameter out for this model.")
        error.rule = rule_of(vendor_error.param or refused, vendor_error.message)
        return error
    if not in_success and not message.startswith("HTTP "):
        message = f"HTTP {status}: {message}"
    return _by_status(status, message, is_credential=bool(words & error_codes.credential))


def _exceeds_context(status: int, message: str, error_codes: ErrorCodes) -> bool:
    pattern = error_codes.context_message
    return pattern is not None and status in (400, 413, 422) and re.match(pattern, message) is not None


def _by_status(status: int, message: str, *, is_credential: bool) -> ProviderError:
    if status == 401 or is_credential:
        return AuthenticationError(f"The credential was refused: {message}", hint="Check the API key.")
    if status == 403:
        return PermissionDeniedError(message, hint="The key may not use this model, or not from here.")
    if status == 404:
        return NotFoundError(message, hint="Check the model's name and base_url.")
    if status == 429:
        return RateLimitError(message)
    if status in (498, 503, 529):
        return CapacityError(message)
    if status >= 500:
        return ServerError(message)
    if 300 <= status < 400:
        return BadResponseError(f"The server redirects ({status}), which is not followed.", hint="Check base_url.")
    return InvalidRequestError(message)
