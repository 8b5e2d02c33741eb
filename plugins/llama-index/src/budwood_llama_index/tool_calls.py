"""Tools for the model, and the calls in its responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.llms.utils import parse_partial_json

from budwood.types import ToolCallPart

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool


def prepare_chat(
    tools: Sequence[BaseTool],
    user_msg: str | ChatMessage | None,
    chat_history: Sequence[ChatMessage] | None,
    *,
    parallel: bool,
    choice: str | Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the messages and options of a chat with tools. Without tools, there are no options."""
    messages = list(chat_history or ())
    if user_msg:
        messages.append(ChatMessage(role=MessageRole.USER, content=user_msg) if isinstance(user_msg, str) else user_msg)
    if not tools:
        return {"messages": messages}
    definitions = [tool.metadata.to_openai_tool(skip_length_check=True) for tool in tools]
    options = {"tools": definitions, "tool_choice": choice, "parallel_tool_calls": parallel}
    return {"messages": messages, **options, "execute_tools": False}  # also if the model invents a tool


def keep_first_call(response: ChatResponse) -> None:
    """Remove all tool calls but the first, which is last in the message."""
    calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    if len(calls) > 1:
        others = [block for block in response.message.blocks if not isinstance(block, ToolCallBlock)]
        response.message.blocks = [*others, calls[0]]


def read_calls(response: ChatResponse, *, error_on_no_tool_call: bool) -> list[ToolSelection]:
    """
    Return the tool calls of a response, which may be streamed and incomplete. Invalid arguments become none.

    Raises:
        ValueError: There is no call, and that is an error.
    """
    calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    if not calls and error_on_no_tool_call:
        raise ValueError(f"Expected at least one tool call, but got {len(calls)} tool calls.")
    return [
        ToolSelection(tool_id=call.tool_call_id or "", tool_name=call.tool_name, tool_kwargs=_parse_arguments(call))
        for call in calls
    ]


def _parse_arguments(call: ToolCallBlock) -> dict[str, Any]:
    if isinstance(call.tool_kwargs, dict):
        return call.tool_kwargs
    try:
        return dict(ToolCallPart(id="", name=call.tool_name, arguments=call.tool_kwargs).parse_arguments())
    except ValueError:
        pass
    try:
        arguments: object = parse_partial_json(call.tool_kwargs)
    except (ValueError, TypeError):
        return {}
    return arguments if isinstance(arguments, dict) else {}
