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
from budwood.providing.refusals import refused_parameter, rule_of
from budwood.types import HTTPReply

MAX_MESSAGE: Final = 500
"""So many characters of a vendor's message are repeated in ours."""

CUT: Final = "…"
"""What ends a text that was shortened."""

RETRYABLE_STATUSES: Final = frozenset({408, 409, 425})
"""Statuses below 500, besides 429, after which the same request may succeed."""


_HOPELESS: Final = (AuthenticationError, PermissionDeniedError, ContentFilterError, QuotaExhaustedError)
"""Errors that no retry mends, whatever ``x-should-retry`` says."""


class ErrorCodes(NamedTuple):
    """
    What a vendor's codes mean; codes and types are looked up in both.

    The defaults are those of OpenAI and of those who speak its API. Source: OpenAI's guide to error codes.
    """

    quota: frozenset[str] = frozenset(
        {
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "billing_hard_limit_reached",
        }
    )
    capacity: frozenset[str] = frozenset(
        {"capacity_exceeded", "server_is_overloaded", "engine_overloaded", "overloaded_error"}
    )
    context: frozenset[str] = frozenset(
        {"context_length_exceeded", "exceed_context_size_error"}
    )  # the latter: llama.cpp
    content_filter: frozenset[str] = frozenset(
        {"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"}
    )
    unsupported: frozenset[str] = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})
    model_missing: frozenset[str] = frozenset({"model_not_found", "DeploymentNotFound"})
    credential: frozenset[str] = frozenset({"invalid_api_key"})


OPENAI_ERROR_CODES: Final = ErrorCodes()

_TOO_LONG_MESSAGE = (
    r"^(?:This model's maximum context length is"  # OpenAI once, vLLM
    r"|You passed \d+ input (?:tokens|characters)[^.]*\. However, the model's context length is"  # vLLM since 0.15
    r"|prompt too long; exceeded (?:max )?context length)"  # Ollama, also where it imitates OpenAI
)
"""How servers without codes begin what they say of too long an input; the last was recorded."""


class VendorError(NamedTuple):
    """What a vendor says of an error, taken out of whatever form it says it in."""

    message: str
    code: str | None = None
    type: str | None = None
    param: str | None = None
    details: Mapping[str, Any] = MappingProxyType({})

    @property
    def words(self) -> frozenset[str]:
        """Code and type together: vendors put the telling one in either."""
        return frozenset(word for word in (self.code, self.type) if word)


def parse_body(reply: HTTPReply) -> Any:  # noqa: ANN401 - any JSON
    """
    Parse a body that should be JSON.

    Raises:
        BadResponseError: It is not; the text says what it is instead.
    """
    try:
        return from_json(reply.body)
    except ValueError as error:
        raise BadResponseError(
            f"The reply is no valid JSON ({error}) but {describe_body(reply.body)}.",
            status=reply.status,
            request_id=request_id(reply.headers),
        ) from None


def parse_object(reply: HTTPReply) -> dict[str, Any]:
    """
    Parse a body that should be a JSON object.

    Raises:
        BadResponseError: It is none; the text says what it is instead.
    """
    body = parse_body(reply)
    if not isinstance(body, dict):
        raise BadResponseError(
            f"The reply is no JSON object but {describe_body(reply.body)}.",
            status=reply.status,
            request_id=request_id(reply.headers),
        )
    return body


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
    reply: HTTPReply, vendor_error: VendorError, error_codes: ErrorCodes = OPENAI_ERROR_CODES
) -> ProviderError:
    """
    Classify a reply that is not 2xx.

    Args:
        reply: Status and headers; its body was parsed into `vendor_error`.
        vendor_error: What the vendor says.
        error_codes: What the vendor's codes mean.
    """
    error = _classify(reply.status, vendor_error, error_codes)
    error.status = reply.status or None
    error.code = vendor_error.code or vendor_error.type
    error.param = vendor_error.param
    if error.param is None and isinstance(error, UnsupportedParameterError):
        error.param = refused_parameter(vendor_error.message)
    error.request_id = request_id(reply.headers)
    error.retry_after = retry_after(reply.headers)
    should_retry = reply.headers.get("x-should-retry")
    if should_retry in ("true", "false") and not isinstance(error, _HOPELESS):
        error.retryable = should_retry == "true"
    elif reply.status in RETRYABLE_STATUSES:
        error.retryable = True
    return error


def _classify(status: int, vendor_error: VendorError, error_codes: ErrorCodes) -> ProviderError:
    message, words = clip(vendor_error.message), vendor_error.words
    if (
        words & error_codes.content_filter
        or str(_inner(vendor_error.details).get("code")) in error_codes.content_filter
    ):
        stage = _stage(vendor_error)
        what = "prompt" if stage == "prompt" else "reply"
        return ContentFilterError(
            f"The content filter refused the {what}: {message}",
            stage=stage,
            categories=_categories(vendor_error.details),
        )
    if words & error_codes.quota:
        return QuotaExhaustedError(
            f"The account's quota is used up: {message}", hint="Raise the limit or add credit with the vendor."
        )
    if words & error_codes.capacity:
        return CapacityError(f"The vendor is overloaded: {message}")
    if words & error_codes.context or (status in (400, 413, 422) and re.match(_TOO_LONG_MESSAGE, message)):
        return ContextLengthError(message, hint="Shorten the messages, or ask a model with a larger context window.")
    if words & error_codes.model_missing:
        return NotFoundError(message, hint="`budwood models list PROVIDER` shows the models that there are.")
    if status in (400, 422) and (words & error_codes.unsupported or refused_parameter(message)):
        error = UnsupportedParameterError(message, hint="Leave the parameter out for this model.")
        error.rule = rule_of(vendor_error.param or refused_parameter(message), vendor_error.message)
        return error
    return _by_status(status, message, error_codes, words)


def _by_status(status: int, message: str, error_codes: ErrorCodes, words: frozenset[str]) -> ProviderError:
    if status == 401 or words & error_codes.credential:
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


def _categories(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find what a filter says of its categories, in the forms that Azure is known to use."""
    for holder in (_inner(details), details):
        for key in ("content_filter_result", "content_filter_results"):
            if isinstance(holder.get(key), Mapping):
                return dict(holder[key])
    found: dict[str, Any] = {}
    for verdict in _blocked(details):  # Responses
        results = verdict.get("content_filter_results")
        found.update(results if isinstance(results, Mapping) else {})
    return found


def _stage(vendor_error: VendorError) -> Literal["prompt", "output"]:
    """Tell whether a filter stopped the prompt or the reply."""
    of_reply = any(verdict.get("source_type") == "completion" for verdict in _blocked(vendor_error.details))
    return "output" if of_reply or vendor_error.param in ("completion", "response") else "prompt"


def _blocked(details: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    verdicts = details.get("content_filters")
    verdicts = verdicts if isinstance(verdicts, list) else []
    return [verdict for verdict in verdicts if isinstance(verdict, Mapping) and verdict.get("blocked")]


def _inner(details: Mapping[str, Any]) -> Mapping[str, Any]:
    found = (details.get(key) for key in ("innererror", "inner_error"))
    return next((inner for inner in found if isinstance(inner, Mapping)), {})
