"""Replies of Budwood, as messages of LangChain."""

from __future__ import annotations

from typing import Any, Final

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic_core import from_json, to_json, to_jsonable_python

from budwood import Attempt, ChatResponse, Message, Usage
from budwood.types import Part, TextPart, ToolCallPart
from budwood_langchain.blocks import EXTRAS, Block, make_block

_IN_ATTEMPTS: Final = ("provider", "model", "endpoint", "key", "status", "error", "request_id", "cached", "skipped")


def make_result(response: ChatResponse) -> ChatResult:
    """Convert a reply, with a generation for each of its choices."""
    metadata, usage = make_metadata(response), make_usage(response.usage)
    message = _add_output(response)
    first = make_message(message, metadata, usage)
    others = [make_message(other, metadata, None) for other in response.alternatives]
    info = {"finish_reason": response.finish_reason}
    return ChatResult(
        generations=[ChatGeneration(message=each, generation_info=info) for each in (first, *others)],
        llm_output={"model_name": metadata["model_name"]},
    )


def make_message(message: Message, metadata: Block, usage: UsageMetadata | None) -> AIMessage:
    """Convert a message of a model."""
    calls, invalid = sort_calls(message.tool_calls)
    own = make_own(message.parts)
    return AIMessage(
        content=_make_content(message.parts),
        tool_calls=calls,
        invalid_tool_calls=invalid,
        additional_kwargs={EXTRAS: own} if own else {},
        response_metadata=metadata,
        usage_metadata=usage,
    )


def make_own(parts: tuple[Part, ...]) -> Block:
    """Return what vendors need back with texts, one by one, and with tool calls, by their ids."""
    texts = [_make_data(part) for part in parts if isinstance(part, TextPart)]
    calls = {part.id: _make_data(part) for part in parts if isinstance(part, ToolCallPart) and part.data is not None}
    own = {"texts": texts if any(texts) else [], "tool_calls": calls}
    return {name: data for name, data in own.items() if data}


def _make_data(part: TextPart | ToolCallPart) -> Block | None:
    return None if part.data is None else {"provider": part.provider, "data": part.data}


def sort_calls(parts: tuple[ToolCallPart, ...]) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Convert tool calls: those with valid arguments, and the others."""
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for part in parts:
        try:
            calls.append(ToolCall(name=part.name, args=part.parse_arguments(), id=part.id, type="tool_call"))
        except ValueError as error:
            invalid.append(
                InvalidToolCall(
                    name=part.name,
                    args=part.arguments,
                    id=part.id,
                    error=f"The arguments are not a JSON object: {error}",
                    type="invalid_tool_call",
                )
            )
    return calls, invalid


def make_usage(usage: Usage) -> UsageMetadata | None:
    """Convert the usage of a reply; None if the vendor has not reported it."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    metadata = UsageMetadata(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
    )
    read = {
        "audio": _find_audio(usage, "prompt_tokens_details", "input_tokens_details"),
        "cache_read": usage.cache_read_tokens,
        "cache_creation": usage.cache_write_tokens,
    }
    written = {
        "audio": _find_audio(usage, "completion_tokens_details", "output_tokens_details"),
        "reasoning": usage.reasoning_tokens,
    }
    if known := {name: count for name, count in read.items() if count is not None}:
        metadata["input_token_details"] = InputTokenDetails(**known)  # type: ignore[typeddict-item]
    if known := {name: count for name, count in written.items() if count is not None}:
        metadata["output_token_details"] = OutputTokenDetails(**known)  # type: ignore[typeddict-item]
    return metadata


def make_metadata(response: ChatResponse) -> Block:
    """
    Return what LangChain calls the metadata of a response.

    ``model_name`` is ``provider/model``; ``cost`` is in US dollars.
    """
    return {
        "model_name": f"{response.provider}/{response.model}",
        "model_provider": "budwood",
        "provider": response.provider,
        "finish_reason": response.finish_reason,
        "raw_finish_reason": response.raw_finish_reason,
        "id": response.id,
        "request_id": response.request_id,
        "cost": None if response.cost is None else float(response.cost),
        "cost_unknown": response.cost_unknown,
        "cached": response.cached,
        "attempts": [_describe_attempt(attempt) for attempt in response.attempts],
        "adaptations": [to_jsonable_python(adaptation) for adaptation in response.adaptations],
    }


def _describe_attempt(attempt: Attempt) -> Block:
    described = {name: getattr(attempt, name) for name in _IN_ATTEMPTS}
    return {name: value for name, value in described.items() if value not in (None, False)}


def _find_audio(usage: Usage, *fields: str) -> int | None:
    """Return audio tokens, which only OpenAI's form of usage has."""
    for field in fields:
        details = (usage.raw or {}).get(field)
        if isinstance(details, dict) and isinstance(count := details.get("audio_tokens"), int):
            return count
    return None


def _add_output(response: ChatResponse) -> Message:
    """Return the message of a reply whose text is the structured output alone, which parsers of LangChain expect."""
    message = response.message
    if response.parsed is None or _is_json(message.text):
        return message
    others = tuple(part for part in message.parts if not isinstance(part, TextPart))
    output = TextPart(text=to_json(response.parsed).decode())
    return message.model_copy(update={"parts": (*others, output)})


def _is_json(text: str) -> bool:
    try:
        from_json(text)
    except ValueError:
        return False
    return True


def _make_content(parts: tuple[Part, ...]) -> str | list[str | dict[Any, Any]]:
    """Return a text, if the reply contains nothing else but tool calls; otherwise blocks."""
    if all(isinstance(part, TextPart | ToolCallPart) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    blocks: list[str | dict[Any, Any]] = []
    texts = (part.model_copy(update={"data": None}) if isinstance(part, TextPart) else part for part in parts)
    blocks.extend(block for block in map(make_block, texts) if block is not None)
    return blocks
