"""Estimate the tokens of a request without the model's tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from pydantic_core import to_json

from budwood.providing.text_tokens import NOTHING, TokenEstimate, estimate_text
from budwood.types import (
    ChatRequest,
    MediaPart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
)

# The overhead around the text, as vendors counted recorded requests: 0 to 4 tokens for each message, 0 to 70 for a
# request; tools cost 10 to 700 tokens for a request besides their schemas.
_REQUEST: Final = TokenEstimate(0, 4, 110)
_MESSAGE: Final = TokenEstimate(0, 4, 10)
_TOOLS: Final = TokenEstimate(0, 30, 800)
_SCHEMA: Final = TokenEstimate(0, 20, 400)
_TOOL_USE: Final = TokenEstimate(0, 8, 30)

_THOUGHTS: Final = TokenEstimate(0, 0, 2_000)
_IMAGE: Final = TokenEstimate(0, 1000, 50_000)
"""An image has between two tokens (a small one) and 48,000 (a large one, in a small model)."""

_VENDOR_CONTENT: Final = TokenEstimate(0, 1000, 50_000)
"""The same for content that Budwood does not model: documents, audio, results of vendors' tools."""


_TOOLS_OF_VENDORS: Final = ("tools", "functions")
"""Vendors' own parameters that contain tools."""

CountText = Callable[[str], TokenEstimate]


def estimate_request(
    request: ChatRequest,
    *,
    text: CountText = estimate_text,
    request_overhead: TokenEstimate = _REQUEST,
    message_overhead: TokenEstimate = _MESSAGE,
) -> TokenEstimate:
    """
    Estimate the input tokens of a request.

    Of 1,250 recorded requests to six vendors, none had fewer tokens than the lower bound, and two had more than the
    upper bound. The estimate does not include what a vendor adds (a stored conversation, results of its own tools) or
    removes (if it was asked to shorten the input).

    Args:
        request: The request.
        text: Counts the tokens of a text, by default with `estimate_text`.
        request_overhead: Tokens around the messages.
        message_overhead: Tokens around each message.
    """
    total = estimate_messages(request.messages, text, message_overhead).plus(request_overhead)
    if request.tools:
        total = total.plus(_TOOLS)
    for tool in request.tools:
        total = total.plus(_tool(tool, text))
    own = [tool.data for tool in request.vendor_tools]
    for tools in (*own, *(request.extra[name] for name in _TOOLS_OF_VENDORS if request.extra.get(name))):
        total = total.plus(_TOOLS).plus(_json(tools, text))
    if request.output_schema is not None:  # some vendors do not count it
        total = total.plus(_SCHEMA).plus(_json(request.output_schema.json_schema, text).weighted(0, 1, 1))
    return total


def estimate_tokens(messages: Iterable[Message]) -> int:
    """Estimate the tokens of messages, for plans and previews."""
    return round(estimate_messages(messages).tokens)


def estimate_messages(
    messages: Iterable[Message], text: CountText = estimate_text, overhead: TokenEstimate = _MESSAGE
) -> TokenEstimate:
    """Estimate the tokens of messages, without the overhead of the request."""
    total = NOTHING
    for message in messages:
        total = total.plus(overhead)
        for part in message.parts:
            total = total.plus(_part(part, text))
    return total


def _part(part: Part, text: CountText) -> TokenEstimate:
    match part:
        case MediaPart():
            return _IMAGE
        case VendorPart():
            return _VENDOR_CONTENT
        case ReasoningPart():  # most vendors drop earlier reasoning; some encrypt it
            return text(part.text).weighted(0, 1, 1).plus(_THOUGHTS)
        case ToolCallPart():
            return _TOOL_USE.plus(text(part.name)).plus(text(part.arguments).weighted(0.3, 1, 1.5))
        case ToolResultPart():
            total = _TOOL_USE.plus(text(part.text).weighted(0.6, 1, 1.5))
            others = sum(not isinstance(one, TextPart) for one in part.parts)
            return total.plus(_IMAGE, others) if others else total
        case _:
            return text(part.text)


def _tool(tool: ToolDefinition, text: CountText) -> TokenEstimate:
    described = text(tool.name).plus(text(tool.description))
    return described.weighted(0.3, 1, 2).plus(_json(tool.parameters, text))


def _json(value: object, text: CountText) -> TokenEstimate:
    """Estimate a schema, which reaches the model as JSON or in a shorter form, such as a TypeScript type."""
    return text(to_json(value, inf_nan_mode="strings").decode()).weighted(0.25, 0.9, 2)
