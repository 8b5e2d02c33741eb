"""Compare responses by what does not depend on how they were sent."""

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


def comparable_content(response: ChatResponse) -> dict[str, Any]:
    """Return what must be equal for the same reply with and without streaming."""
    return {
        "text": response.text,
        "reasoning": response.reasoning,
        "refusal": refusal_of(response.message),
        "calls": [name_and_arguments(call) for call in response.tool_calls],
        "kinds": _kinds(response.message),
        "finish_reason": response.finish_reason,
        "raw_finish_reason": response.raw_finish_reason,
        "usage": counts(response.usage),
    }


def without_attempts(response: ChatResponse) -> dict[str, Any]:
    """Return a response without its attempts, which contain times."""
    return response.model_dump(exclude={"attempts"})


def name_and_arguments(call: ToolCallPart) -> tuple[str, dict[str, Any]]:
    """Return the name and the parsed arguments of a call; the JSON text may differ."""
    return call.name, call.parse_arguments()


def refusal_of(message: Message) -> str:
    """Return the text of a refusal."""
    return "".join(part.text for part in message.parts if isinstance(part, RefusalPart))


def counts(usage: Usage) -> dict[str, int | None]:
    """Return the counts without the raw usage."""
    return usage.model_dump(exclude={"raw"})


def _kinds(message: Message) -> list[str]:
    """Return the types of the parts; adjacent text parts count as one."""
    kinds: list[str] = []
    for part in message.parts:
        if not (kinds and kinds[-1] == part.type and isinstance(part, TextPart | ReasoningPart | RefusalPart)):
            kinds.append(part.type)
    return kinds
