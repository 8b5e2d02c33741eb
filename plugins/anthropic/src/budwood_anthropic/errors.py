"""
Parse and classify the errors of Anthropic's API.

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
"""``quota``, ``context``, ``filter`` and ``unsupported`` are our own words, for errors identified by their text."""

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
"""The status of each error type, for errors inside a reply with status 200."""

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
Messages of ``invalid_request_error`` that mean something more specific, matched at the start.

The one about effort was recorded. The others are quoted by users: docker/docker-agent#569 and
anthropics/claude-code#228 (context), anthropics/claude-code#43487 (filter); the one about ``temperature`` is in the
sources of many clients.
"""

_ORGANIZATION_ON_HOLD: Final = "organization_on_hold"
"""The code for a suspended organization, with status 400 (``OrganizationOnHoldError`` of the SDK)."""

_CURES: Final[Mapping[str, str]] = {
    "image_dimensions_too_large": "Scale images so that neither side is longer than {max_side_length_pixels} pixels.",
    "file_not_downloadable": "Only files that Claude's tools created can be downloaded.",
    "file_expired": "Upload the file again.",
}
"""What to do about errors with these codes, with fields of their details."""

_PARAMETER: Final = re.compile(r"`?([a-z_]+)`?(?:[.\d]*[a-z_.\d]*: | is deprecated)")
_OUR_NAMES: Final = {
    "stop_sequences": "stop",
    "output_config": "output_schema",
    "output_format": "output_schema",
    "thinking": "reasoning_effort",
    "system": "messages",
}
_NAMES_BY_START: Final = (
    ("This model does not support effort", "reasoning_effort"),
    ("This model does not support the effort", "reasoning_effort"),
    ("output_config.effort", "reasoning_effort"),
    ("thinking.budget_tokens", "reasoning_budget"),
    ("thinking.enabled.budget_tokens", "reasoning_budget"),
)
"""The parameters of messages that name only a part of one, or describe it, by the start of the message."""

_PARAMETERS: Final = frozenset(
    {"model", "messages", "max_tokens", "temperature", "top_p", "top_k", "tools", "tool_choice", *_OUR_NAMES}
)


def parse_error(reply: HTTPReply) -> VendorError:
    """Parse the body of an error reply. Gateways in front of the API use other forms, or HTML."""
    try:
        body = parse_json(reply.body)
    except ValueError:
        body = None
    return parse_error_body(body, fallback=f"HTTP {reply.status}, and the body is {describe_body(reply.body)}.")


def parse_error_body(body: object, *, fallback: str) -> VendorError:
    """Parse ``{"type": "error", "error": {"type", "message", "details": {"error_code"}}}``, or another form."""
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
        param=find_parameter(message) if kind == "invalid_request_error" else None,
        details=error,
    )


def find_parameter(message: str) -> str | None:
    """Return our name of the parameter at the start of a message: ``messages.0.content: …`` is ``messages``."""
    for start, ours in _NAMES_BY_START:
        if message.startswith(start):
            return ours
    if parameter := find_refused_parameter(message):
        return parameter
    match = _PARAMETER.match(message)
    if match is None or match[1] not in _PARAMETERS:
        return None
    return _OUR_NAMES.get(match[1], match[1])


def make_error(reply: HTTPReply, vendor_error: VendorError, *, in_success: bool = False) -> ProviderError:
    """Classify an error by status and code, and if these are not specific, by the start of its message."""
    described = vendor_error
    if vendor_error.code is None and vendor_error.type == "invalid_request_error":
        meaning = next((word for word, pattern in _MEANINGS if pattern.match(vendor_error.message)), None)
        described = vendor_error._replace(code=meaning, stage="output" if meaning == "filter" else "prompt")
    permitted = vendor_error.code != _ORGANIZATION_ON_HOLD
    classified = reply if permitted else replace(reply, head=replace(reply.head, status=403))
    error = classify_error(classified, described, ERROR_CODES, in_success=in_success)
    error.status = reply.status
    error.code, error.param = vendor_error.code or vendor_error.type, vendor_error.param
    error.hint = _find_cure(vendor_error) or error.hint
    return error


def _find_cure(vendor_error: VendorError) -> str | None:
    """Return the cure of an error with a code of its own."""
    cure = _CURES.get(vendor_error.code or "")
    details = vendor_error.details.get("details")
    fields = details if isinstance(details, Mapping) else {}
    return cure and cure.format_map({"max_side_length_pixels": "the allowed number of", **fields})


def make_error_in_success(head: ReplyHead, body: Mapping[str, Any]) -> ProviderError:
    """Classify an error inside a reply with status 200. An unknown type counts as a failure of the server."""
    vendor_error = parse_error_body(body, fallback="The vendor reports an error without a message.")
    status = STATUSES.get(vendor_error.type or "", 500)
    error = make_error(HTTPReply(ReplyHead(status, head.headers), b""), vendor_error, in_success=True)
    error.request_id = error.request_id or _text(body.get("request_id"))
    return error


def parse_request_id_in_body(reply: HTTPReply) -> str | None:
    """Return the request id in the body of an error, for replies whose headers a proxy removed."""
    try:
        body = parse_json(reply.body)
    except ValueError:
        return None
    return _text(body.get("request_id")) if isinstance(body, Mapping) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
