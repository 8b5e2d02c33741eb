"""What of a reply does not depend on how it came."""

from __future__ import annotations

from typing import Any

from budwood.types import (
    ChatResponse,
    Message,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Usage,
)


def essence(response: ChatResponse) -> dict[str, Any]:
    """Return what must be equal where the same reply came whole and streamed."""
    return {
        "text": response.text,
        "reasoning": response.reasoning,
        "refusal": refusal_of(response.message),
        "calls": [called(call) for call in response.tool_calls],
        "kinds": _kinds(response.message),
        "finish_reason": response.finish_reason,
        "raw_finish_reason": response.raw_finish_reason,
        "usage": counts(response.usage),
    }


def without_receipts(response: ChatResponse) -> dict[str, Any]:
    """Return all of a response but the ledger, which holds times."""
    return response.model_dump(exclude={"attempts"})


def called(call: ToolCallPart) -> tuple[str, dict[str, Any]]:
    """Return what a call asks for; its arguments may be written in several ways."""
    return call.name, call.parse_arguments()


def refusal_of(message: Message) -> str:
    """Return the model's words for refusing."""
    return "".join(part.text for part in message.parts if isinstance(part, RefusalPart))


def counts(usage: Usage) -> dict[str, int | None]:
    """Return the counts alone."""
    return usage.model_dump(exclude={"raw"})


def _kinds(message: Message) -> list[str]:
    """List the kinds of parts; texts next to each other are one."""
    kinds: list[str] = []
    for part in message.parts:
        if not (kinds and kinds[-1] == part.type and isinstance(part, TextPart | ReasoningPart | RefusalPart)):
            kinds.append(part.type)
    return kinds
