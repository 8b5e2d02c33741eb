"""
Make errors of what servers say of them.

Source: OpenAI's guide to error codes, and ``ResponseErrorCode`` of its API description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.providing import OPENAI_ERROR_CODES, ErrorCodes, VendorError, refused_parameter

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

ERROR_CODES: Final[ErrorCodes] = OPENAI_ERROR_CODES._replace(
    content_filter=OPENAI_ERROR_CODES.content_filter
    | {
        "bio_policy",
        "image_content_policy_violation",
        "misalignment_policy_violation",
        "moderation_blocked",
        _FLAGGED,
    }
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
        return VendorError(message=error)
    if not isinstance(error, Mapping):
        error = body
    said = error.get("message") or error.get("detail") or body.get("message") or fallback
    message = said if isinstance(said, str) else to_json(said).decode()
    code = _word(error.get("code"))
    return VendorError(
        message=message,
        code=code,
        type=_FLAGGED if code == "invalid_prompt" and _FLAGGED_MESSAGE.match(message) else _word(error.get("type")),
        param=_word(error.get("param")) or refused_parameter(message),
        details=error,
    )


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
