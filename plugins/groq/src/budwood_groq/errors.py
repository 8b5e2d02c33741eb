"""
Convert Groq's errors, and its usage and errors inside ``x_groq``.

Source: console.groq.com/docs/errors; recorded traffic (``tool_use_failed``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood.errors import ProviderError
from budwood.providing import VendorError, clip

_FAILED_GENERATIONS: Final = frozenset({"tool_use_failed", "json_validate_failed"})


def add_failed_generation(error: ProviderError, vendor_error: VendorError) -> ProviderError:
    """
    Mark an error about the model's own output as retryable, and add that output to the hint.

    Groq returns 400 if a tool call or JSON does not match its schema, and 422 for output that is semantically wrong,
    such as hallucinations.
    """
    if error.code not in _FAILED_GENERATIONS and error.status != 422:
        return error
    error.retryable = True
    output = vendor_error.details.get("failed_generation")
    quote = f" Its output: {clip(output, 200)}" if isinstance(output, str) and output.strip() else ""
    error.hint = f"Groq rejected the output of its model. Retry, or use a larger model.{quote}"
    return error


def normalize_reply(body: dict[str, Any]) -> dict[str, Any]:
    """
    Copy usage and errors of a stream to the fields where OpenAI has them.

    Groq sends both inside ``x_groq``. In a reply that is not streamed, ``x_groq.usage`` has the counts of its caches.
    """
    groq = body.get("x_groq")
    if not isinstance(groq, Mapping):
        return body
    usage = groq.get("usage")
    if not body.get("usage") and isinstance(usage, Mapping) and "prompt_tokens" in usage:
        body = {**body, "usage": usage}
    if groq.get("error") and not body.get("error"):
        body = {**body, "error": _make_error(groq["error"])}
    return body


def _make_error(reason: object) -> object:
    """Return the reason why a stream stopped as an error in OpenAI's form; a single word is its code."""
    if isinstance(reason, str) and reason.isidentifier():
        return {"message": f"The stream was stopped: {reason}", "code": reason}
    return {"message": reason} if isinstance(reason, str) else reason
