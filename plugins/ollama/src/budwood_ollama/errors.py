"""
Classify the errors of Ollama: ``{"error": "text"}``, without a code.

If the status is not specific, the start or the end of the text decides. Source of the texts: Ollama's
``server/routes.go`` and ``llm/server.go``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.errors import (
    AuthenticationError,
    ContextLengthError,
    NotFoundError,
    ProviderError,
    ServerError,
    UnsupportedParameterError,
)
from budwood.providing import (
    VendorError,
    classify_error,
    clip,
    describe_body,
    find_message,
    make_refusal_rule,
    parse_json,
)
from budwood.types import HTTPReply, ReplyHead

_NO_MODEL: Final = re.compile(r"""^model ["']?(?P<name>[\w./:@-]+?)["']? not found""")
_TOO_LONG: Final = re.compile(
    r"^(?:the )?(?:input|prompt)(?: length)? (?:(?:is )?too long|exceeds)"
    r"(?:; exceeded)? ?(?:the |maximum |max )*(?:context|$)"
)
_NO_MEMORY: Final = re.compile(r"^model requires more system memory")
_LACKS_CAPABILITY: Final = re.compile(r"does not support (?P<what>[a-z]+)$")
_NO_VISION: Final = re.compile(r"(?i)this model (?:does not support images|is missing data required for image input)$")
"""A model without vision, or whose files lack it. Users report them (ollama/ollama#17065, #9967)."""

_INVALID_LEVEL: Final = re.compile(r"^(?:invalid )?think value")

_NOT_PUBLISHED: Final = re.compile(r"^pull model manifest: file does not exist$")
_PULL_REJECTED: Final = re.compile(r"^pull model manifest: (?P<status>4\d\d)\b")

_PARAMETERS: Final[Mapping[str, str]] = {"tools": "tools", "thinking": "reasoning_effort", "vision": "messages"}
"""The fields of our request that need a capability."""


def parse_error(reply: HTTPReply) -> VendorError:
    """Parse the body of an error."""
    try:
        body = parse_json(reply.body)
    except ValueError:
        body = None
    message = find_message(body) or f"HTTP {reply.status}, and the body is {describe_body(reply.body)}."
    return VendorError(message=message, details=body if isinstance(body, Mapping) else {})


def make_error(reply: HTTPReply, *, in_success: bool = False) -> ProviderError:
    """Classify an error reply by its status, and by its text if that is more specific."""
    vendor_error = parse_error(reply)
    generic = classify_error(reply, vendor_error, in_success=in_success)
    specific = _make_specific(clip(vendor_error.message), reply.status, generic)
    if specific is None:
        return generic
    for field in ("status", "code", "request_id", "retry_after"):
        setattr(specific, field, getattr(generic, field))
    return specific


def make_error_in_success(head: ReplyHead, line: Mapping[str, Any]) -> ProviderError:
    """Classify an error inside a reply with status 200. It gets the status of an error reply with this text, or 500."""
    text = find_message(line) or "The server reports an error without a message."
    return make_error(HTTPReply(ReplyHead(_find_status(text), head.headers), to_json({"error": text})), in_success=True)


def _find_status(text: str) -> int:
    if _NO_MODEL.match(text) or _NOT_PUBLISHED.match(text):
        return 404
    if rejected := _PULL_REJECTED.match(text):
        return int(rejected["status"])
    return 400 if _LACKS_CAPABILITY.search(text) or _NO_VISION.search(text) else 500


def _make_specific(message: str, status: int, generic: ProviderError) -> ProviderError | None:
    """Return the error that the text identifies; None if only the status is specific."""
    if missing := _NO_MODEL.match(message):
        return NotFoundError(message, hint=f"Run `ollama pull {missing['name']}`.")
    if _NOT_PUBLISHED.match(message):
        return NotFoundError(message, hint="No model is published under this name. Look it up in Ollama's library.")
    if _TOO_LONG.match(message):
        return ContextLengthError(message, hint="Shorten the text, or raise num_ctx in the settings' options.")
    if _NO_MEMORY.match(message):
        hint = "Use a smaller model, or free memory: `ollama ps` lists loaded models."
        return ServerError(message, hint=hint, retryable=False)
    if _NO_VISION.search(message):
        hint = "Choose a model with vision: `ollama show NAME` lists the capabilities of a model."
        return UnsupportedParameterError(message, hint=hint, param="messages")
    if status == 400 and (lack := _LACKS_CAPABILITY.search(message)):
        hint = "`ollama show NAME` lists the capabilities of a model."
        refusal = UnsupportedParameterError(message, hint=hint, param=_PARAMETERS.get(lack["what"]))
        refusal.rule = make_refusal_rule("reasoning_effort") if lack["what"] == "thinking" else None
        return refusal
    if status == 400 and _INVALID_LEVEL.match(message):
        hint = "`ollama show NAME` lists the capabilities of a model."
        return UnsupportedParameterError(message, hint=hint, param="reasoning_effort")
    if isinstance(generic, AuthenticationError):
        hint = "Set OLLAMA_API_KEY, or pass api_key=…; for cloud models of a local server, run `ollama signin`."
        return AuthenticationError(generic.message, hint=hint)
    return None
