"""Replies of Budwood as responses of LlamaIndex."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

import budwood
from budwood.types import (
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolExecuted,
    Usage,
)
from budwood_llama_index.messages import from_message


def to_chat_response(reply: budwood.ChatResponse) -> ChatResponse:
    """
    Convert a complete reply.

    ``raw`` is a dictionary with the fields of `describe`. ``additional_kwargs`` has the counts of tokens, and with a
    schema also the value: ``parsed``.
    """
    details = count_tokens(reply.usage)
    if reply.parsed is not None:
        details["parsed"] = reply.parsed
    return ChatResponse(message=from_message(reply.message), raw=describe(reply), additional_kwargs=details)


def to_completion_response(reply: budwood.ChatResponse) -> CompletionResponse:
    """Convert a complete reply to its text; the other fields are those of `to_chat_response`."""
    return CompletionResponse(text=reply.text, raw=describe(reply), additional_kwargs=count_tokens(reply.usage))


def as_completion(response: ChatResponse) -> CompletionResponse:
    """Convert one response of a stream."""
    return CompletionResponse(
        text=response.message.content or "",
        delta=response.delta,
        raw=response.raw,
        additional_kwargs=response.additional_kwargs,
    )


def describe(reply: budwood.ChatResponse) -> dict[str, Any]:
    """
    Return what Budwood reports about a reply, as JSON.

    It has the key ``usage`` only if the vendor has reported it: LlamaIndex estimates the tokens of other replies.
    """
    usage = count_tokens(reply.usage)
    return {
        "id": reply.id,
        "provider": reply.provider,
        "model": reply.model,
        "requested_model": _find_requested_model(reply),
        "finish_reason": reply.finish_reason,
        "cost": None if reply.cost is None else str(reply.cost),
        "cached": reply.cached,
        "request_id": reply.request_id,
        "attempts": len(reply.attempts),
        "adaptations": [f"{each.parameter} {each.action}: {each.reason}" for each in reply.adaptations],
        "body": reply.raw,
        **({"usage": usage} if usage else {}),
    }


def _find_requested_model(reply: budwood.ChatResponse) -> str:
    """Return the model that was requested from the provider that answered, such as an alias or a backup."""
    succeeded = [attempt for attempt in reply.attempts if attempt.error is None and attempt.skipped is None]
    requested = (attempt.model for attempt in reversed(succeeded) if attempt.provider == reply.provider)
    return next(requested, reply.model)


def count_tokens(usage: Usage) -> dict[str, Any]:
    """Return the tokens by the names that LlamaIndex reads. Empty if input or output is unknown."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return {}
    counts = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    details = {"cached_tokens": usage.cache_read_tokens, "reasoning_tokens": usage.reasoning_tokens}
    return counts | {name: count for name, count in details.items() if count is not None}


class StreamedResponse:
    """
    Makes responses of LlamaIndex from the events of a stream: each has the reply so far, and what is new.

    Args:
        is_output: Whether tool calls are structured output, whose arguments are the text of the reply.
    """

    def __init__(self, *, is_output: bool = False) -> None:
        self._is_output = is_output
        self._clear()

    def add(self, event: StreamEvent) -> Iterator[ChatResponse]:
        """Add an event; yield a response if it has content."""
        match event:
            case TextDelta(text=text, choice=0) | RefusalDelta(text=text, choice=0):
                self._text += text
                yield self._make_response(delta=text)
            case ReasoningDelta(text=text, choice=0):
                self._reasoning += text
                yield self._make_response(thinking_delta=text)
            case ToolCallDelta(choice=0) if self._is_output:
                self._text += event.arguments
                yield self._make_response(delta=event.arguments)
            case ToolCallDelta(choice=0):
                call = self._calls.setdefault(event.index, ToolCallBlock(tool_name="", tool_kwargs=""))
                self._calls[event.index] = ToolCallBlock(
                    tool_call_id=event.id or call.tool_call_id,
                    tool_name=event.name or call.tool_name,
                    tool_kwargs=f"{call.tool_kwargs}{event.arguments}",
                )
                yield self._make_response()
            case Restarted() | ToolExecuted():  # what has arrived is void, or belongs to an earlier message
                self._clear()
            case _:
                pass

    @staticmethod
    def finish(reply: budwood.ChatResponse) -> ChatResponse:
        """Return the last response: the complete reply, with usage."""
        response = to_chat_response(reply)
        response.delta = ""
        _add_openai_calls(response.message)
        return response

    def _clear(self) -> None:
        self._text = self._reasoning = ""
        self._calls: dict[int, ToolCallBlock] = {}

    def _make_response(self, delta: str = "", thinking_delta: str = "") -> ChatResponse:
        thinking = [ThinkingBlock(content=self._reasoning)] if self._reasoning else []
        blocks = [*thinking, TextBlock(text=self._text), *self._calls.values()]
        message = ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)
        _add_openai_calls(message)
        return ChatResponse(
            message=message,
            delta=delta,
            additional_kwargs={"thinking_delta": thinking_delta} if thinking_delta else {},
        )


def _add_openai_calls(message: ChatMessage) -> None:
    """Add the tool calls in OpenAI's form: programs of LlamaIndex that read streams do not look at the blocks."""
    calls = [
        {
            "id": block.tool_call_id,
            "type": "function",
            "function": {"name": block.tool_name, "arguments": block.tool_kwargs},
        }
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
    ]
    if calls:
        message.additional_kwargs["tool_calls"] = calls
