"""
Read what Anthropic says of errors.

Source: the types of its Python SDK, ``anthropic`` 2.12.0: ``types/shared/*_error*.py``; docs.claude.com, "Errors".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from budwood.errors import ProviderError
from budwood.providing import (
    ErrorCodes,
    VendorError,
    classify_error,
    describe_body,
    find_message,
    find_refused_parameter,
    parse_json,
)
from budwood.types import HTTPReply, ReplyHead

ERROR_CODES: Final = ErrorCodes(
    quota=frozenset(
        {
            "billing_error",
            "enforced_spend_limit_reached",
            "contract_spend_limit_reached",
            "linked_organization_spend_limit_reached",
            "linked_organization_billing_unavailable",
            "quota",
        }
    ),
    capacity=frozenset({"overloaded_error"}),
    context=frozenset({"context"}),
    content_filter=frozenset({"filter"}),
    unsupported=frozenset({"unsupported"}),
    model_missing=frozenset(),
    credential=frozenset({"authentication_error"}),
)
"""``quota``, ``context``, ``filter`` and ``unsupported`` are our own words, for errors that their text tells apart."""

STATUSES: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status of each type, for errors that come without one, inside a 200."""

_MEANINGS: Final = (
    ("quota", re.compile(r"You have reached your specified (?:workspace )?API usage limits")),  # litellm#37599
    ("quota", re.compile(r"Your credit balance is too low to access the Anthropic API")),
    ("context", re.compile(r"prompt is too long: ")),
    ("context", re.compile(r"input length and `max_tokens` exceed context limit: ")),
    ("filter", re.compile(r"Output blocked by content filtering policy")),
    ("unsupported", re.compile(r"`?[a-z_.]+`?(?:: Extra inputs are not permitted| is deprecated for this model)")),
    ("unsupported", re.compile(r"This model does not support (?:the )?(?:effort|`?[a-z_.]+`? parameter)")),
    ("unsupported", re.compile(r"`?[a-z_]+`? and `?[a-z_]+`? cannot both be specified")),
)
"""
What errors of the type ``invalid_request_error`` say that are something else; each matches from the beginning.

Recorded is the one of the effort. The others are as users quote them: docker/docker-agent#569 and
anthropics/claude-code#228 (context), anthropics/claude-code#43487 (filter); for ``temperature``, the sources of many
clients.
"""

_ON_HOLD: Final = "organization_on_hold"
"""The code of an organisation that the vendor has shut out, with 400 (``OrganizationOnHoldError`` of the SDK)."""

_PARAMETER: Final = re.compile(r"`?([a-z_]+)`?(?:[.\d]*[a-z_.\d]*: | is deprecated)")
_OUR_NAMES: Final = {
    "stop_sequences": "stop",
    "output_config": "output_schema",
    "output_format": "output_schema",
    "thinking": "reasoning_effort",
    "system": "messages",
}
_OUR_INNER_NAMES: Final = (
    ("This model does not support effort", "reasoning_effort"),
    ("This model does not support the effort", "reasoning_effort"),
    ("output_config.effort", "reasoning_effort"),
    ("thinking.budget_tokens", "reasoning_budget"),
    ("thinking.enabled.budget_tokens", "reasoning_budget"),
)
"""What messages begin with that name a part of a parameter, or name it in words."""

_PARAMETERS: Final = frozenset(
    {"model", "messages", "max_tokens", "temperature", "top_p", "top_k", "tools", "tool_choice", *_OUR_NAMES}
)


def parse_error(reply: HTTPReply) -> VendorError:
    """Parse the body of an error; gateways in front of the API answer in forms of their own, or in HTML."""
    try:
        body = parse_json(reply.body)
    except ValueError:
        body = None
    return parse_error_body(body, fallback=f"HTTP {reply.status}, and the body is {describe_body(reply.body)}.")


def parse_error_body(body: object, *, fallback: str) -> VendorError:
    """Parse ``{"type": "error", "error": {"type", "message", "details": {"error_code"}}}``, or what stands for it."""
    fields = body if isinstance(body, Mapping) else {}
    error = fields.get("error")
    error = error if isinstance(error, Mapping) else fields
    message, kind = error.get("message"), error.get("type")
    if not isinstance(message, str) or not message.strip():
        message = find_message(body) or fallback
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, Mapping) else None
    return VendorError(
        message=message,
        code=code if isinstance(code, str) else None,
        type=kind if isinstance(kind, str) and kind != "error" else None,
        param=parameter_in(message) if kind == "invalid_request_error" else None,
        details=error,
    )


def parameter_in(message: str) -> str | None:
    """Find the parameter that a message names first, under our name for it: ``messages.0.content: …``."""
    for beginning, ours in _OUR_INNER_NAMES:
        if message.startswith(beginning):
            return ours
    if both := find_refused_parameter(message):
        return both
    named = _PARAMETER.match(message)
    if named is None or named[1] not in _PARAMETERS:
        return None
    return _OUR_NAMES.get(named[1], named[1])


def error_of(reply: HTTPReply, vendor_error: VendorError, *, in_success: bool = False) -> ProviderError:
    """Classify an error by status and structured code, and where these say nothing by the beginning of its text."""
    known = vendor_error
    if vendor_error.code is None and vendor_error.type == "invalid_request_error":
        meaning = next((word for word, text in _MEANINGS if text.match(vendor_error.message)), None)
        known = vendor_error._replace(code=meaning, stage="output" if meaning == "filter" else "prompt")
    judged = replace(reply, head=replace(reply.head, status=403)) if vendor_error.code == _ON_HOLD else reply
    error = classify_error(judged, known, ERROR_CODES, in_success=in_success)
    error.status = reply.status
    error.code, error.param = vendor_error.code or vendor_error.type, vendor_error.param
    return error


def error_inside(head: ReplyHead, body: Mapping[str, Any]) -> ProviderError:
    """Make the error of an error inside a 200; of a type that is not known, it counts as the server's failure."""
    vendor_error = parse_error_body(body, fallback="the vendor reports an error")
    status = STATUSES.get(vendor_error.type or "", 500)
    error = error_of(HTTPReply(ReplyHead(status, head.headers), b""), vendor_error, in_success=True)
    error.request_id = error.request_id or _text(body.get("request_id"))
    return error


def reported_id(reply: HTTPReply) -> str | None:
    """Return the id of the request that an error's body names, for replies whose headers were stripped on the way."""
    try:
        body = parse_json(reply.body)
    except ValueError:
        return None
    return _text(body.get("request_id")) if isinstance(body, Mapping) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
