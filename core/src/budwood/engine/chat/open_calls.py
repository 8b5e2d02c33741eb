"""Answer tool calls that the history left open: vendors reject a call without a result."""

from __future__ import annotations

from typing import Final

from budwood.types import Adaptation, Message, ToolResultPart

NO_RESULT: Final = "No result: the call was not run."

ADAPTATION: Final = Adaptation(
    parameter="messages", action="changed", reason="a tool call without a result got one that says so"
)


def answer_open_calls(messages: tuple[Message, ...]) -> tuple[Message, ...] | None:
    """Return the messages with a result for each call that has none before the next turn, or None if there is none."""
    answered: list[Message] = []
    waiting: dict[str, str] = {}  # names of tools by the ids of their calls
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolResultPart):
                waiting.pop(part.call_id, None)
        if waiting and message.role != "tool":
            answered += _results(waiting)
            waiting = {}
        answered.append(message)
        if message.role == "assistant":
            waiting = {call.id: call.name for call in message.tool_calls}
    answered += _results(waiting)
    return tuple(answered) if len(answered) > len(messages) else None


def _results(calls: dict[str, str]) -> list[Message]:
    return [
        Message.tool(ToolResultPart(call_id=call_id, name=name, content=NO_RESULT, is_error=True))
        for call_id, name in calls.items()
    ]
