"""
Make the right error of what Ollama says went wrong: ``{"error": "text"}``, without a code.

So what the status leaves open is told by the text, anchored at its beginning or its end. Source of the texts: Ollama's
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
_CANNOT: Final = re.compile(r"does not support (?P<what>[a-z]+)$")
_NO_LEVEL: Final = re.compile(r"^(?:invalid )?think value")

_NOT_PUBLISHED: Final = re.compile(r"^pull model manifest: file does not exist$")
_PULL_REFUSED: Final = re.compile(r"^pull model manifest: (?P<status>4\d\d)\b")

_PARAMETERS: Final[Mapping[str, str]] = {"tools": "tools", "thinking": "reasoning_effort", "vision": "messages"}
"""The fields of our request that ask for what a model cannot do."""


def parse_error(reply: HTTPReply) -> VendorError:
    """Parse the body of an error."""
    try:
        body = parse_json(reply.body)
    except ValueError:
        body = None
    message = find_message(body) or f"HTTP {reply.status}, and the body is {describe_body(reply.body)}."
    return VendorError(message=message, details=body if isinstance(body, Mapping) else {})


def error_of(reply: HTTPReply, *, in_success: bool = False) -> ProviderError:
    """Classify a reply that is not 2xx: by its status, and by the text where that says more."""
    vendor_error = parse_error(reply)
    general = classify_error(reply, vendor_error, in_success=in_success)
    special = _special(clip(vendor_error.message), reply.status, general)
    if special is None:
        return general
    for field in ("status", "code", "request_id", "retry_after"):
        setattr(special, field, getattr(general, field))
    return special


def error_in_stream(head: ReplyHead, line: Mapping[str, Any]) -> ProviderError:
    """Make the error of one inside a 200, with the status that its text has elsewhere; by default 500."""
    text = find_message(line) or "The server reports an error without a message."
    return error_of(HTTPReply(ReplyHead(_status(text), head.headers), to_json({"error": text})), in_success=True)


def _status(text: str) -> int:
    if _NO_MODEL.match(text) or _NOT_PUBLISHED.match(text):
        return 404
    if refused := _PULL_REFUSED.match(text):
        return int(refused["status"])
    return 400 if _CANNOT.search(text) else 500


def _special(message: str, status: int, general: ProviderError) -> ProviderError | None:
    """Find what the text alone tells; None where the status tells all."""
    if missing := _NO_MODEL.match(message):
        return NotFoundError(message, hint=f"`ollama pull {missing['name']}` fetches it.")
    if _NOT_PUBLISHED.match(message):
        return NotFoundError(message, hint="No model is published under this name: look it up in Ollama's library.")
    if _TOO_LONG.match(message):
        return ContextLengthError(message, hint="Shorten the text, or raise num_ctx in the settings' options.")
    if _NO_MEMORY.match(message):
        return ServerError(message, hint="Ask a smaller model, or free memory: `ollama ps`.", retryable=False)
    if status == 400 and (lack := _CANNOT.search(message)):
        hint = "`ollama show NAME` lists what a model can do."
        refusal = UnsupportedParameterError(message, hint=hint, param=_PARAMETERS.get(lack["what"]))
        refusal.rule = make_refusal_rule("reasoning_effort") if lack["what"] == "thinking" else None
        return refusal
    if status == 400 and _NO_LEVEL.match(message):
        hint = "`ollama show NAME` lists what a model can do."
        return UnsupportedParameterError(message, hint=hint, param="reasoning_effort")
    if isinstance(general, AuthenticationError):
        hint = "Set OLLAMA_API_KEY, or pass api_key=…; a local server that asks the cloud wants `ollama signin`."
        return AuthenticationError(general.message, hint=hint)
    return None
