"""
Parse and classify the errors of the Gemini API.

Source: ai.google.dev/gemini-api/docs/troubleshooting and google.rpc, ``error_details.proto``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from budwood.errors import ContentFilterError, ProviderError, ServerError, UnsupportedParameterError
from budwood.providing import (
    ErrorCodes,
    VendorError,
    classify_error,
    describe_body,
    find_message,
    find_refused_parameter,
    make_rule,
    parse_duration,
    parse_json,
)
from budwood.types import HTTPReply, ModelRules, ReplyHead
from budwood_gemini.decoding import FILTERED, NO_IMAGE, convert_finish_reason, parse_finish_reason
from budwood_gemini.encoding import NAMES, SCHEMA_OR_TOOLS, THINKING_BUDGET
from budwood_gemini.headers import parse_request_id

_DAILY_QUOTA: Final = "daily quota"
_TOO_LONG: Final = "too long"
_UNKNOWN_PARAMETER: Final = "unknown parameter"

_TRANSIENT: Final = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"})
"""Finish reasons that another attempt may avoid: the model wrote something that Gemini cannot parse."""

_NO_IMAGE_HINT: Final = "Say in the prompt that you want an image, and what it shows."

_REFUSALS: Final = (r"Invalid JSON payload received\. Unknown name \"(\w+)\"",)
"""How the API rejects a parameter."""

_ERROR_CODES: Final = ErrorCodes(
    quota=frozenset({_DAILY_QUOTA}),
    capacity=frozenset(),
    context=frozenset({_TOO_LONG}),
    content_filter=frozenset(),
    unsupported=frozenset({_UNKNOWN_PARAMETER}),
    model_missing=frozenset(),
    credential=frozenset({"API_KEY_INVALID", "UNAUTHENTICATED"}),
    refusals=_REFUSALS,
)

_MESSAGES: Final = (
    (_TOO_LONG, re.compile(r"The input token count(?: \(\d+\))? exceeds the maximum")),
    (
        _UNKNOWN_PARAMETER,
        re.compile(
            r"Invalid JSON payload received\. Unknown name|Penalty is not enabled"
            r"|(?:The t|T)hinking (?:level|budget) "
            r"|Thinking is not enabled|Budget \d+ is invalid|Function calling with a response mime type"
            r"|Unable to submit request because "
            r"(?:Thinking can't be disabled|[Tt]he model does not support setting thinking_budget)"
        ),
    ),
)
"""
Kinds of invalid requests that have no code of their own, by the start of the message.

None of these was recorded. Users quote them: google-gemini/gemini-cli#4231 (input), vercel/ai#8027,
RooCodeInc/Roo-Code#4399 and pydantic/pydantic-ai#1967 (thinking); the others are in the sources of many clients.
"""

_RULES: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("Penalty is not enabled", {"refuses": {"frequency_penalty", "presence_penalty"}}),
    ("Thinking is not enabled", {"refuses": {"reasoning_effort", "reasoning_budget"}}),
    ("Thinking level is not supported", {"traits": {THINKING_BUDGET}}),
    ("Function calling with a response mime type", {"traits": {SCHEMA_OR_TOOLS}}),
    (r"Budget 0 is invalid\. This model only works in thinking mode", {"efforts": {"none": "minimal"}}),
    (r"Thinking (?:level|budget) |Budget ", {}),  # only that value is refused
)
"""The catalog rules for messages that name no parameter, by the start of the message; an empty one changes nothing."""

_FIELDS: Final = {
    **{theirs: ours for ours, theirs in NAMES.items()},
    "thinkingLevel": "reasoning_effort",
    "thinkingConfig": "reasoning_effort",
    "responseSchema": "output_schema",
    "responseJsonSchema": "output_schema",
    "responseMimeType": "output_schema",
    "functionDeclarations": "tools",
    "toolConfig": "tool_choice",
    "contents": "messages",
    "systemInstruction": "messages",
}


def make_error(reply: HTTPReply) -> ProviderError:
    """Classify an error reply."""
    try:
        body = parse_json(reply.body)
    except ValueError:
        body = None
    error = find_error(body)
    if error is None:
        message = find_message(body) or f"HTTP {reply.status}, and the body is {describe_body(reply.body)}."
        error = {"message": message}
    return _classify(reply.head, error)


def find_error(body: object) -> Mapping[str, Any] | None:
    """Return the error in a reply or a chunk; some are wrapped in a list, others are a text."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, Mapping):
        return error or None
    message = find_message(error)
    return {"message": message} if message else None


def make_error_in_success(head: ReplyHead, error: Mapping[str, Any]) -> ProviderError:
    """Classify an error inside a reply with status 200. Without a code it counts as a failure of the server."""
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code <= 599 else 500
    return _classify(ReplyHead(status, head.headers), error, in_success=True)


def _classify(head: ReplyHead, fields: Mapping[str, Any], *, in_success: bool = False) -> ProviderError:
    message, status = find_message(fields.get("message")) or find_message(fields), fields.get("status")
    if message is None:
        message = "The server reports an error without a message."
    code = next((one["reason"] for one in _details(fields, "ErrorInfo") if one.get("reason")), status)
    vendor_error = VendorError(
        message=message,
        code=str(code) if code else None,
        type=_error_type(fields, message) or (str(status) if status else None),
        param=_find_parameter(fields, message),
        details=fields,
    )
    # A request rejected for its location or account has the status of an invalid request.
    effective_status = 403 if head.status == 400 and status == "FAILED_PRECONDITION" else head.status
    reply = HTTPReply(ReplyHead(effective_status, head.headers), b"")
    error = classify_error(reply, vendor_error, _ERROR_CODES, in_success=in_success)
    error.status, error.request_id = head.status, parse_request_id(head.headers)
    if error.retry_after is None:
        error.retry_after = next((_delay(one.get("retryDelay")) for one in _details(fields, "RetryInfo")), None)
    if isinstance(error, UnsupportedParameterError):
        error.rule = _make_rule(message, vendor_error.param)
    return error


def _delay(value: object) -> float | None:
    """Return the seconds of a ``Duration``: ``34s`` in JSON, ``{"seconds", "nanos"}`` behind some gateways."""
    if not isinstance(value, Mapping):
        return parse_duration(value)
    seconds, nanos = parse_duration(value.get("seconds") or 0), parse_duration(value.get("nanos") or 0)
    return None if seconds is None or nanos is None else seconds + nanos / 1e9


def _make_rule(message: str, param: str | None) -> ModelRules | None:
    """Make the catalog rule for a rejected parameter."""
    known = next((row for start, row in _RULES if re.match(start, message)), None)
    if known is not None:
        return ModelRules.model_validate(known) if known else None
    return make_rule(param, message)


def _error_type(error: Mapping[str, Any], message: str) -> str | None:
    if any("PerDay" in str(one.get("quotaId")) for one in _violations(error, "QuotaFailure", "violations")):
        return _DAILY_QUOTA  # its retryDelay does not apply
    return next((kind for kind, start in _MESSAGES if start.match(message)), None)


def _find_parameter(error: Mapping[str, Any], message: str) -> str | None:
    """Return the field of our request that the API rejects: ``generation_config.top_p`` is ``top_p``."""
    for one in _violations(error, "BadRequest", "fieldViolations"):
        description = str(one.get("description") or "")
        unknown = find_refused_parameter(description, _REFUSALS)
        name = _our_name(unknown) if unknown else _our_name(str(one.get("field") or description))
        if name:
            return name
    return _our_name(find_refused_parameter(message, _REFUSALS) or "")


def _our_name(place: str) -> str | None:
    """Return our name for the innermost part of a path that is a field of our request."""
    names = [_camel(name) for name in reversed(re.findall(r"[A-Za-z_]+", place))]
    return next((_FIELDS.get(name, name) for name in names if name in _FIELDS or name in _SAME_NAMES), None)


_SAME_NAMES: Final = frozenset({"temperature", "seed", "tools"})


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _details(error: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    details = error.get("details")
    for one in details if isinstance(details, list) else ():
        if isinstance(one, Mapping) and str(one.get("@type", "")).endswith(f"google.rpc.{kind}"):
            yield one


def _violations(error: Mapping[str, Any], kind: str, name: str) -> Iterator[Mapping[str, Any]]:
    for one in _details(error, kind):
        violations = one.get(name)
        yield from (row for row in violations if isinstance(row, Mapping)) if isinstance(violations, list) else ()


def make_prompt_error(reply: Mapping[str, Any]) -> ContentFilterError | None:
    """Return the error of a blocked prompt: a reply with status 200, without candidates but with a reason."""
    feedback = reply.get("promptFeedback") or {}
    reason = feedback.get("blockReason")
    if not reason or reply.get("candidates"):
        return None
    detail = feedback.get("blockReasonMessage")
    return ContentFilterError(
        f"Gemini's filter blocked the prompt: {reason}{f' ({detail})' if detail else ''}.",
        stage="prompt",
        categories=_categories(feedback),
        status=200,
        code=reason,
    )


def make_output_error(candidate: Mapping[str, Any]) -> ContentFilterError | None:
    """Return the error of a reply that a filter blocked."""
    reason = parse_finish_reason(candidate)
    if reason not in FILTERED:
        return None
    detail = candidate.get("finishMessage")
    return ContentFilterError(
        f"Gemini's filter blocked the reply: {reason}{f' ({detail})' if detail else ''}.",
        stage="output",
        categories=_categories(candidate),
        status=200,
        code=reason,
    )


def make_refusal_error(candidate: Mapping[str, Any], text: str) -> ContentFilterError | None:
    """Return the error of a reply in which a filter has left only a text, which is part of the message."""
    return make_output_error({"finishMessage": text.strip(), **candidate})


def make_failure_error(candidate: Mapping[str, Any]) -> ServerError | None:
    """Return the error of a reply that the model could not finish, such as a malformed function call."""
    reason = parse_finish_reason(candidate) or ""
    if convert_finish_reason(reason, called_tools=False) != "error":
        return None
    detail = candidate.get("finishMessage")
    return ServerError(
        f"The model ended its reply without content: {reason}{f' ({detail})' if detail else ''}.",
        hint=_NO_IMAGE_HINT if reason in NO_IMAGE else "Ask again. If it happens often, use fewer or simpler tools.",
        status=200,
        code=reason,
        retryable=reason in _TRANSIENT,
    )


def _categories(error: Mapping[str, Any]) -> dict[str, object]:
    """Convert safety ratings to a dictionary by category."""
    ratings = (rating for rating in error.get("safetyRatings") or () if isinstance(rating, Mapping))
    return {
        str(rating.get("category")): {name: value for name, value in rating.items() if name != "category"}
        for rating in ratings
    }
