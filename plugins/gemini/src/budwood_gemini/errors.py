"""
Make errors of what Gemini says.

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
from budwood_gemini.decoding import FILTERED, finish_reason
from budwood_gemini.encoding import COUNTS_BUDGET, NAMES, SCHEMA_OR_TOOLS
from budwood_gemini.headers import parse_request_id

_DAILY: Final = "daily quota"
_TOO_LONG: Final = "too long"
_UNKNOWN_PARAMETER: Final = "unknown parameter"

_TRANSIENT: Final = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"})
"""Finish reasons that another attempt may avoid: the model wrote something that Gemini cannot parse."""

_REFUSALS: Final = (r"Invalid JSON payload received\. Unknown name \"(\w+)\"",)
"""How the API rejects a parameter."""

_ERROR_CODES: Final = ErrorCodes(
    quota=frozenset({_DAILY}),
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
What has no code of its own: kinds of a bad request, by how the message begins.

No recording has one of these. They are as users quote them: google-gemini/gemini-cli#4231 (input), vercel/ai#8027,
RooCodeInc/Roo-Code#4399 and pydantic/pydantic-ai#1967 (thinking); the others in the sources of many clients.
"""

_ROWS: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("Penalty is not enabled", {"refuses": {"frequency_penalty", "presence_penalty"}}),
    ("Thinking is not enabled", {"refuses": {"reasoning_effort", "reasoning_budget"}}),
    ("Thinking level is not supported", {"traits": {COUNTS_BUDGET}}),
    ("Function calling with a response mime type", {"traits": {SCHEMA_OR_TOOLS}}),
    (r"Budget 0 is invalid\. This model only works in thinking mode", {"efforts": {"none": "minimal"}}),
    (r"Thinking (?:level|budget) |Budget ", {}),  # only that value is refused
)
"""The rows of the catalog that these messages tell of, where they name no parameter; an empty one tells nothing."""

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


def error_of(reply: HTTPReply) -> ProviderError:
    """Classify a reply that is not 2xx."""
    try:
        body = parse_json(reply.body)
    except ValueError:
        body = None
    error = error_in(body)
    if error is None:
        message = find_message(body) or f"HTTP {reply.status}, and the body is {describe_body(reply.body)}."
        error = {"message": message}
    return _error(reply.head, error)


def error_in(body: object) -> Mapping[str, Any] | None:
    """Return the error that a reply or a chunk holds; some are wrapped in a list, others are a text."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, Mapping):
        return error or None
    message = find_message(error)
    return {"message": message} if message else None


def failure(head: ReplyHead, said: Mapping[str, Any]) -> ProviderError:
    """Make the error that stands inside a reply of 200; one without a status of its own is the server's."""
    code = said.get("code")
    status = code if isinstance(code, int) and 400 <= code <= 599 else 500
    return _error(ReplyHead(status, head.headers), said, in_success=True)


def _error(head: ReplyHead, said: Mapping[str, Any], *, in_success: bool = False) -> ProviderError:
    message, status = find_message(said.get("message")) or find_message(said), said.get("status")
    if message is None:
        message = "The server reports an error without a message."
    code = next((one["reason"] for one in _details(said, "ErrorInfo") if one.get("reason")), status)
    vendor_error = VendorError(
        message=message,
        code=str(code) if code else None,
        type=_kind(said, message) or (str(status) if status else None),
        param=_param(said, message),
        details=said,
    )
    # What is refused by where or by whom it is asked has the status of a bad request.
    judged = 403 if head.status == 400 and status == "FAILED_PRECONDITION" else head.status
    reply = HTTPReply(ReplyHead(judged, head.headers), b"")
    error = classify_error(reply, vendor_error, _ERROR_CODES, in_success=in_success)
    error.status, error.request_id = head.status, parse_request_id(head.headers)
    if error.retry_after is None:
        error.retry_after = next((_delay(one.get("retryDelay")) for one in _details(said, "RetryInfo")), None)
    if isinstance(error, UnsupportedParameterError):
        error.rule = _rule(message, vendor_error.param)
    return error


def _delay(value: object) -> float | None:
    """Return the seconds of a ``Duration``: ``34s`` in JSON, ``{"seconds", "nanos"}`` behind some gateways."""
    if not isinstance(value, Mapping):
        return parse_duration(value)
    seconds, nanos = parse_duration(value.get("seconds") or 0), parse_duration(value.get("nanos") or 0)
    return None if seconds is None or nanos is None else seconds + nanos / 1e9


def _rule(message: str, param: str | None) -> ModelRules | None:
    """Make the row of the catalog that a refusal tells of."""
    known = next((row for begins, row in _ROWS if re.match(begins, message)), None)
    if known is not None:
        return ModelRules.model_validate(known) if known else None
    return make_rule(param, message)


def _kind(said: Mapping[str, Any], message: str) -> str | None:
    if any("PerDay" in str(one.get("quotaId")) for one in _violations(said, "QuotaFailure", "violations")):
        return _DAILY  # the retryDelay beside it is of no use
    return next((kind for kind, begins in _MESSAGES if begins.match(message)), None)


def _param(said: Mapping[str, Any], message: str) -> str | None:
    """Name the field of our request at which the API took offence: ``generation_config.top_p`` is ``top_p``."""
    for one in _violations(said, "BadRequest", "fieldViolations"):
        described = str(one.get("description") or "")
        unknown = find_refused_parameter(described, _REFUSALS)
        named = _known(unknown) if unknown else _known(str(one.get("field") or described))
        if named:
            return named
    return _known(find_refused_parameter(message, _REFUSALS) or "")


def _known(place: str) -> str | None:
    """Find the innermost name of a place that is a field of our request."""
    names = [_camel(name) for name in reversed(re.findall(r"[A-Za-z_]+", place))]
    return next((_FIELDS.get(name, name) for name in names if name in _FIELDS or name in _SAME), None)


_SAME: Final = frozenset({"temperature", "seed", "tools"})


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _details(said: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    details = said.get("details")
    for one in details if isinstance(details, list) else ():
        if isinstance(one, Mapping) and str(one.get("@type", "")).endswith(f"google.rpc.{kind}"):
            yield one


def _violations(said: Mapping[str, Any], kind: str, name: str) -> Iterator[Mapping[str, Any]]:
    for one in _details(said, kind):
        violations = one.get(name)
        yield from (row for row in violations if isinstance(row, Mapping)) if isinstance(violations, list) else ()


def blocked_prompt(reply: Mapping[str, Any]) -> ContentFilterError | None:
    """Make the error of a prompt that was refused: a 200 without candidates that says why."""
    feedback = reply.get("promptFeedback") or {}
    reason = feedback.get("blockReason")
    if not reason or reply.get("candidates"):
        return None
    said = feedback.get("blockReasonMessage")
    return ContentFilterError(
        f"Gemini's filter refused the prompt: {reason}{f' ({said})' if said else ''}.",
        stage="prompt",
        categories=_categories(feedback),
        status=200,
        code=reason,
    )


def blocked_output(candidate: Mapping[str, Any]) -> ContentFilterError | None:
    """Make the error of a reply that was cut off by a filter."""
    reason = candidate.get("finishReason")
    if reason not in FILTERED:
        return None
    said = candidate.get("finishMessage")
    return ContentFilterError(
        f"Gemini's filter held the reply back: {reason}{f' ({said})' if said else ''}.",
        stage="output",
        categories=_categories(candidate),
        status=200,
        code=reason,
    )


def failed_output(candidate: Mapping[str, Any]) -> ServerError | None:
    """Create the error of a reply that the model could not finish, such as a malformed call of a function."""
    reason = candidate.get("finishReason") or ""
    if finish_reason(reason, called_tools=False) != "error":
        return None
    detail = candidate.get("finishMessage")
    return ServerError(
        f"The model ended its reply without content: {reason}{f' ({detail})' if detail else ''}.",
        hint="Ask again. If it happens often, use fewer or simpler tools.",
        status=200,
        code=reason,
        retryable=reason in _TRANSIENT,
    )


def _categories(said: Mapping[str, Any]) -> dict[str, object]:
    """Bring safety ratings into the form: category, what was found."""
    ratings = (rating for rating in said.get("safetyRatings") or () if isinstance(rating, Mapping))
    return {
        str(rating.get("category")): {name: value for name, value in rating.items() if name != "category"}
        for rating in ratings
    }
