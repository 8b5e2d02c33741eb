"""
Parse errors in OpenAI's form and in the forms of compatible servers.

Source: OpenAI's guide to error codes, and ``ResponseErrorCode`` of its API description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.providing import ErrorCodes, VendorError, find_message, find_refused_parameter
from budwood_openai_compatible.content_filters import parse_filter_code, parse_filter_results, parse_filter_stage

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
"""The status that OpenAI uses for these types and codes; for errors inside a reply with status 200."""

_PARAMETER_NAMES: Final = {
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "reasoning.effort": "reasoning_effort",
    "response_format": "output_schema",
    "text.format": "output_schema",
}

_FLAGGED: Final = "flagged_prompt"
_FLAGGED_MESSAGE: Final = re.compile(r"Invalid prompt: your prompt was flagged")

_CONTEXT_MESSAGE: Final = (
    r"(?:This model's maximum context length is"  # OpenAI in the past, vLLM
    r"|You passed \d+ input (?:tokens|characters)[^.]*\. However, the model's context length is"  # vLLM since 0.15
    r"|prompt too long; exceeded (?:max )?context length)"  # Ollama
)
"""The start of the message for an input that is too long, for servers that send no code."""

_REFUSALS: Final = (
    r"Unrecognized request arguments? supplied: (\w+)",
    r"property '(?:body\.)?(\w+)' is unsupported",
    r"Extra inputs are not permitted, field: '(\w+)'",
    r"Invalid JSON payload received\. Unknown name \"(\w+)\"",
    # An item of Pydantic's errors, as JSON or as Python's repr (vLLM). A longer location is not a parameter.
    r"(?:\{\"detail\":\s*)?\[\{\"type\":\s*\"extra_forbidden\",\s*\"loc\":\s*\[\"body\",\s*\"(\w+)\"\]",
    r"\[\{'type': 'extra_forbidden', 'loc': \('body', '(\w+)'\)",
)
"""
The messages with which compatible servers reject a parameter.

Sources: reports of users of Azure (openai/openai-python#1492), Groq (fanenr/chatbot#21), Mistral and vLLM
(mistralai/platform-docs-public#7), and of Gemini's compatible API (n4ze3m/page-assist#418).
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
            "contentFilter",
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
The meaning of the codes, in both APIs.

``flagged_prompt`` is not a code of OpenAI. It replaces ``invalid_prompt`` if the message says that a filter flagged the
prompt, as users of reasoning models report (openai/codex#7250).
"""


def parse_error_body(body: Mapping[str, Any], *, fallback: str) -> VendorError:
    """
    Parse the body of an error.

    OpenAI's form is ``{"error": {"message", "type", "param", "code"}}``. Other servers send a text in place of the
    object, the object without its envelope, ``message`` or ``detail`` at the top level (vLLM, FastAPI), or a list of
    details.
    """
    error = body.get("error", body)
    if isinstance(error, str):
        return VendorError(message=error, code=_to_text(body.get("code")), details=body)
    if not isinstance(error, Mapping):
        fallback = find_message(error) or fallback
        error = body
    found = error.get("message") or error.get("detail") or body.get("message") or find_message(body) or fallback
    message = found if isinstance(found, str) else to_json(found).decode()
    code = _to_text(error.get("code"))
    param = _to_text(error.get("param")) or find_refused_parameter(message, _REFUSALS)
    details = {"content_filters": body.get("content_filters"), **error}  # Azure's Responses has them beside the error
    return VendorError(
        message=message,
        code=code,
        type=_parse_type(error, code, message),
        param=param,
        details=error,
        stage="output" if param in ("completion", "response") else parse_filter_stage(details),
        categories=parse_filter_results(details),
    )


def _parse_type(error: Mapping[str, Any], code: str | None, message: str) -> str | None:
    """Return the type of an error, or a code of a content filter that is in another place."""
    if code == "invalid_prompt" and _FLAGGED_MESSAGE.match(message):
        return _FLAGGED
    inner = parse_filter_code(error)
    return inner if inner in ERROR_CODES.content_filter else _to_text(error.get("type"))


def map_parameter_name(name: str, renamed: Mapping[str, str]) -> str:
    """
    Return the name of a parameter in `ChatRequest`, such as ``reasoning_effort`` for ``reasoning.effort``.

    Args:
        name: The server's name. A path, such as ``messages[0].role``, keeps what follows the first name.
        renamed: The server's names of parameters, by those of `ChatRequest`.
    """
    names = {**_PARAMETER_NAMES, **{other: own for own, other in renamed.items()}}
    if name in names:
        return names[name]
    outermost = re.split(r"[.\[]", name, maxsplit=1)[0]
    return names.get(outermost, outermost) + name.removeprefix(outermost)


def infer_status(vendor_error: VendorError) -> int:
    """Return the status that fits an error inside a reply with status 200; 500 if nothing indicates it."""
    candidates = (vendor_error.details.get("status_code"), vendor_error.details.get("status"), vendor_error.code)
    status = next((int(text) for text in map(str, candidates) if re.fullmatch("[45][0-9][0-9]", text)), None)
    return status or next((_STATUSES[word] for word in vendor_error.words if word in _STATUSES), 500)


def _to_text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None
