"""
What Groq's errors mean.

Source: console.groq.com/docs/errors; recorded traffic (``tool_use_failed``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood.errors import ProviderError
from budwood.providing import VendorError, clip

_FAILED_GENERATIONS: Final = frozenset({"tool_use_failed", "json_validate_failed"})


def with_failed_generation(error: ProviderError, vendor_error: VendorError) -> ProviderError:
    """
    Say what the model wrote, where Groq refuses its own model's output: the next try may be better.

    It answers so to a tool call or JSON that does not fit its schema, with 400, and with 422 to what is "semantically
    wrong", hallucinations among it.
    """
    if error.code not in _FAILED_GENERATIONS and error.status != 422:
        return error
    error.retryable = True
    written = vendor_error.details.get("failed_generation")
    said = f" It wrote: {clip(written, 200)}" if isinstance(written, str) and written.strip() else ""
    error.hint = f"The model's own output was refused: ask again, or a larger model.{said}"
    return error


def in_openai_form(said: dict[str, Any]) -> dict[str, Any]:
    """
    Bring usage and errors of a stream to where OpenAI has them.

    Groq puts both into ``x_groq``; in a whole reply ``x_groq.usage`` holds other numbers, of its caches.
    """
    groq = said.get("x_groq")
    if not isinstance(groq, Mapping):
        return said
    usage = groq.get("usage")
    if not said.get("usage") and isinstance(usage, Mapping) and "prompt_tokens" in usage:
        said = {**said, "usage": usage}
    if groq.get("error") and not said.get("error"):
        said = {**said, "error": _error(groq["error"])}
    return said


def _error(written: object) -> object:
    """Write the reason why a stream stopped as an error; one word is a code."""
    if isinstance(written, str) and written.isidentifier():
        return {"message": f"The stream was stopped: {written}", "code": written}
    return {"message": written} if isinstance(written, str) else written
