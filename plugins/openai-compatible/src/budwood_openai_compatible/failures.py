"""
Make errors of what servers say of them.

Source: OpenAI's guide to error codes, and ``ResponseErrorCode`` of its API description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.providing import ErrorCodes, VendorError, find_message, find_refused_parameter
from budwood_openai_compatible.content_filters import filter_code, filter_stage, filtered_categories

_BAD_REQUESTS: Final = (
    "invalid_request_error",
    "invalid_prompt",
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "invalid_image_mode",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_file_too_large",
    "image_file_not_found",
    "unsupported_image_media_type",
    "empty_image_file",
    "failed_to_download_image",
    "data_residency_mismatch",
)

_STATUSES: Final[Mapping[str, int]] = {
    **dict.fromkeys(_BAD_REQUESTS, 400),
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
}
"""The status with which OpenAI sends these types and codes, for errors that come without one, inside a 200."""

_OUR_NAMES: Final = {
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "reasoning.effort": "reasoning_effort",
    "response_format": "output_schema",
    "text.format": "output_schema",
}

_FLAGGED: Final = "flagged_prompt"
_FLAGGED_MESSAGE: Final = re.compile(r"Invalid prompt: your prompt was flagged")

_CONTEXT_MESSAGE: Final = (
    r"(?:This model's maximum context length is"  # OpenAI once, vLLM
    r"|You passed \d+ input (?:tokens|characters)[^.]*\. However, the model's context length is"  # vLLM since 0.15
    r"|prompt too long; exceeded (?:max )?context length)"  # Ollama
)
"""How servers without codes start the message of an input that is too long. Ollama's was recorded."""

_REFUSALS: Final = (
    r"Unrecognized request arguments? supplied: (\w+)",
    r"property '(?:body\.)?(\w+)' is unsupported",
    r"Extra inputs are not permitted, field: '(\w+)'",
    r"Invalid JSON payload received\. Unknown name \"(\w+)\"",
    # One row of Pydantic's errors, as JSON or, in vLLM, as Python writes it; deeper places are no parameter.
    r"(?:\{\"detail\":\s*)?\[\{\"type\":\s*\"extra_forbidden\",\s*\"loc\":\s*\[\"body\",\s*\"(\w+)\"\]",
    r"\[\{'type': 'extra_forbidden', 'loc': \('body', '(\w+)'\)",
)
"""
How servers of the family reject a parameter.

Sources: reports of users of Azure (openai/openai-python#1492), Groq (fanenr/chatbot#21), Mistral and vLLM
(mistralai/platform-docs-public#7), and of Gemini's imitation of OpenAI's API (n4ze3m/page-assist#418).
"""

ERROR_CODES: Final = ErrorCodes(
    quota=frozenset(
        {
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "billing_hard_limit_reached",
        }
    ),
    capacity=frozenset({"capacity_exceeded", "server_is_overloaded", "engine_overloaded", "overloaded_error"}),
    context=frozenset({"context_length_exceeded", "exceed_context_size_error"}),  # the latter: llama.cpp
    content_filter=frozenset(
        {
            "content_filter",
            "content_policy_violation",
            "ResponsibleAIPolicyViolation",
            "bio_policy",
            "image_content_policy_violation",
            "misalignment_policy_violation",
            "moderation_blocked",
            _FLAGGED,
        }
    ),
    unsupported=frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"}),
    model_missing=frozenset({"model_not_found", "DeploymentNotFound"}),
    credential=frozenset({"invalid_api_key"}),
    context_message=_CONTEXT_MESSAGE,
    refusals=_REFUSALS,
)
"""
What the codes mean, in both APIs.

``flagged_prompt`` is our own word: ``invalid_prompt`` is a filter's only where the text begins so, as users quote it of
models that reason (openai/codex#7250).
"""


def parse_error_body(body: Mapping[str, Any], *, fallback: str) -> VendorError:
    """
    Find what a body says of an error.

    The form is ``{"error": {"message", "type", "param", "code"}}``; seen are also a text in place of the object, the
    object without its envelope, ``message`` or ``detail`` at the top (vLLM, FastAPI), and lists of details.
    """
    error = body.get("error", body)
    if isinstance(error, str):
        return VendorError(message=error, code=_word(body.get("code")), details=body)
    if not isinstance(error, Mapping):
        fallback = find_message(error) or fallback
        error = body
    said = error.get("message") or error.get("detail") or body.get("message") or find_message(body) or fallback
    message = said if isinstance(said, str) else to_json(said).decode()
    code, param = _word(error.get("code")), _word(error.get("param")) or find_refused_parameter(message, _REFUSALS)
    details = {"content_filters": body.get("content_filters"), **error}  # Azure has them beside the error (Responses)
    return VendorError(
        message=message,
        code=code,
        type=_type(error, code, message),
        param=param,
        details=error,
        stage="output" if param in ("completion", "response") else filter_stage(details),
        categories=filtered_categories(details),
    )


def _type(error: Mapping[str, Any], code: str | None, message: str) -> str | None:
    """Return the type of an error, or the word that tells a content filter where neither code nor type does."""
    if code == "invalid_prompt" and _FLAGGED_MESSAGE.match(message):
        return _FLAGGED
    inner = filter_code(error)
    return inner if inner in ERROR_CODES.content_filter else _word(error.get("type"))


def our_name(theirs: str, renamed: Mapping[str, str]) -> str:
    """
    Name a parameter as the field of our request: ``reasoning.effort`` is ``reasoning_effort``.

    Args:
        theirs: The server's name for it. A place inside it, such as ``messages[0].role``, stays one.
        renamed: The names by which this server calls our parameters.
    """
    names = {**_OUR_NAMES, **{name: ours for ours, name in renamed.items()}}
    if theirs in names:
        return names[theirs]
    outermost = re.split(r"[.\[]", theirs, maxsplit=1)[0]
    return names.get(outermost, outermost) + theirs.removeprefix(outermost)


def status_of(vendor_error: VendorError) -> int:
    """Say which status an error inside a 200 would have had; one that does not tell is the server's own failure."""
    written = (vendor_error.details.get("status_code"), vendor_error.details.get("status"), vendor_error.code)
    status = next((int(one) for one in map(str, written) if re.fullmatch("[45][0-9][0-9]", one)), None)
    return status or next((_STATUSES[word] for word in vendor_error.words if word in _STATUSES), 500)


def _word(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None
