"""Messages of LangChain, as prompts of Budwood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from pydantic_core import to_json

from budwood import Message, PromptError
from budwood.types import Part, TextPart, ToolCallPart, ToolResultPart
from budwood_langchain.blocks import EXTRAS, make_part, make_result_part

PromptMessage = Message | Mapping[str, Any]

_DEVELOPER: Final = "developer"


def convert_messages(messages: Sequence[BaseMessage]) -> list[PromptMessage]:
    """
    Convert a conversation.

    Raises:
        PromptError: A message or its content has an unknown form.
    """
    names = {
        call.id: call.name for message in messages if isinstance(message, AIMessage) for call in _read_calls(message)
    }
    return [_convert(message, names) for message in messages]


def _convert(message: BaseMessage, names: Mapping[str, str]) -> PromptMessage:
    match message:
        case AIMessage():
            return _make("assistant", _order_parts(message), message.name)
        case HumanMessage():
            return _make("user", _read_content(message), message.name)
        case SystemMessage():
            is_developer = message.additional_kwargs.get("__openai_role__") == _DEVELOPER
            return _make(_DEVELOPER if is_developer else "system", _read_content(message), message.name)
        case ToolMessage():
            return Message.tool(_make_result(message, names))
        case FunctionMessage():
            return {"role": "function", "name": message.name, "content": message.content}
        case ChatMessage():
            return _make(message.role, _read_content(message), message.name)
        case _:
            raise PromptError(
                f"A {type(message).__name__} cannot be sent to a model.",
                hint="Pass messages of the system, the user, the model and tools.",
            )


def _make(role: str, parts: Sequence[Part | Mapping[str, Any]], name: str | None) -> PromptMessage:
    """Make a message as a dictionary, because it may contain parts in the forms of vendors."""
    return {"role": role, "content": list(parts), "name": name}


def _read_content(message: BaseMessage) -> list[Part | Mapping[str, Any]]:
    content = [message.content] if isinstance(message.content, str) else message.content
    return [make_part(block) for block in content]


def _make_result(message: ToolMessage, names: Mapping[str, str]) -> ToolResultPart:
    content = message.content
    if not isinstance(content, str):
        parts = tuple(make_result_part(block) for block in content)
        is_text = all(isinstance(part, TextPart) and part.cache is None for part in parts)
        content = "".join(part.text for part in parts if isinstance(part, TextPart)) if is_text else parts  # type: ignore[assignment]
    return ToolResultPart(
        call_id=message.tool_call_id,
        name=message.name or names.get(message.tool_call_id, "tool"),
        content=content,  # type: ignore[arg-type]
        is_error=message.status == "error",
    )


# Replies of models. Their content may also hold the tool calls, in order.


def _order_parts(message: AIMessage) -> list[Part | Mapping[str, Any]]:
    calls = {call.id: call for call in _read_calls(message)}
    parts: list[Part | Mapping[str, Any]] = []
    for block in [message.content] if isinstance(message.content, str) else message.content:
        if isinstance(block, dict) and block.get("type") in ("tool_call", "tool_use", "function_call"):
            call = calls.pop(str(block.get("call_id") or block.get("id")), None)
            parts += [] if call is None else [call]
        elif not isinstance(block, dict) or block.get("type") not in ("invalid_tool_call", "input_json_delta"):
            parts.append(make_part(block))
    parts = [part for part in parts if not isinstance(part, TextPart) or part.text]
    return [*_with_text_data(parts, message), *calls.values()]


def _with_text_data(parts: list[Part | Mapping[str, Any]], message: AIMessage) -> list[Part | Mapping[str, Any]]:
    """Add what vendors need back with texts, if the message still has as many texts as the reply."""
    data: Sequence[dict[str, Any] | None] = _read_own(message).get("texts") or ()
    texts = [part for part in parts if isinstance(part, TextPart)]
    if len(data) != len(texts):
        return parts
    updates = iter(data)
    return [part.model_copy(update=next(updates)) if isinstance(part, TextPart) else part for part in parts]


def _read_calls(message: AIMessage) -> Iterator[ToolCallPart]:
    data: Mapping[str, Any] = _read_own(message).get("tool_calls") or {}
    for call in message.tool_calls:
        yield _make_call(call["id"], call["name"], to_json(call["args"]).decode(), data)
    for invalid in message.invalid_tool_calls:
        yield _make_call(invalid["id"], invalid["name"] or "unknown", invalid["args"] or "{}", data)


def _make_call(call_id: str | None, name: str, arguments: str, data: Mapping[str, Any]) -> ToolCallPart:
    return ToolCallPart(id=call_id or "", name=name, arguments=arguments, **(data.get(call_id or "") or {}))


def _read_own(message: AIMessage) -> Mapping[str, Any]:
    own = message.additional_kwargs.get(EXTRAS)
    return own if isinstance(own, Mapping) else {}
