"""
Messages of LlamaIndex as messages of Budwood, and back.

A reply can have parts that blocks cannot express: signatures and ids that the vendor needs back, refusals, and contents
that only the vendor understands. Such a reply is kept, as JSON, in ``additional_kwargs["budwood"]`` of its message. It
is used when the message is sent again, unless its blocks were changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.bridge.pydantic import BaseModel
from pydantic import TypeAdapter

from budwood import Message
from budwood.errors import PromptError
from budwood.types import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
    VideoPart,
)
from budwood_llama_index.media import to_media_block, to_media_part

KEPT: Final = "budwood"
"""The key in ``additional_kwargs`` of a message for the parts that blocks cannot express."""

_ROLES: Final[Mapping[MessageRole, Role]] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "developer",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}
_PARTS: Final[TypeAdapter[tuple[Part, ...]]] = TypeAdapter(tuple[Part, ...])
_RESULT_PARTS: Final = (TextPart, ImagePart, AudioPart, VideoPart, DocumentPart)
"""What the result of a tool can contain."""

_LIFETIMES: Final = ("5m", "1h")


def to_messages(messages: Sequence[ChatMessage]) -> list[Message]:
    """
    Convert a conversation.

    Raises:
        PromptError: A block is empty, or a result of a tool does not name its call.
    """
    names: dict[str, str] = {}  # of tools, by the ids of their calls
    converted = []
    for message in messages:
        converted.append(_to_message(message, names))
        names.update({call.id: call.name for call in converted[-1].tool_calls})
    return converted


def from_message(message: Message) -> ChatMessage:
    """Convert the message of a reply."""
    kept = {KEPT: _PARTS.dump_python(message.parts, mode="json", exclude_none=True)} if _has_more(message) else {}
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=list(_to_blocks(message.parts)), additional_kwargs=kept)


def _to_message(message: ChatMessage, names: Mapping[str, str]) -> Message:
    role = _ROLES[message.role]
    if role == "tool":
        return Message.tool(_to_result(message, names))
    parts = _load_kept(message) or tuple(_to_parts(message.blocks))
    if not any(isinstance(part, ToolCallPart) for part in parts):
        parts = (*parts, *_read_legacy_calls(message))
    filled = tuple(part for part in parts if not isinstance(part, TextPart) or part.text)
    name = message.additional_kwargs.get("name")
    return Message(role=role, parts=filled or (TextPart(text=""),), name=name if isinstance(name, str) else None)


def _to_result(message: ChatMessage, names: Mapping[str, str]) -> ToolResultPart:
    call_id = message.additional_kwargs.get("tool_call_id")
    if not isinstance(call_id, str):
        raise PromptError(
            "A message with the result of a tool does not say which call it belongs to.",
            hint='Pass ChatMessage(role="tool", content=…, additional_kwargs={"tool_call_id": …}).',
        )
    name = names.get(call_id) or message.additional_kwargs.get("name") or ""
    parts = [part for part in _to_parts(message.blocks) if isinstance(part, _RESULT_PARTS)]
    if all(isinstance(part, TextPart) for part in parts):
        return ToolResultPart(call_id=call_id, name=name, content=message.content or "")
    return ToolResultPart(call_id=call_id, name=name, content=tuple(parts))


def _to_parts(blocks: Iterable[BaseModel]) -> Iterator[Part]:
    parts: list[Part] = []
    for block in blocks:
        match block:
            case TextBlock():
                parts.append(TextPart(text=block.text))
            case ImageBlock() | AudioBlock() | VideoBlock() | DocumentBlock():
                parts.append(to_media_part(block))
            case ThinkingBlock():
                parts.append(_to_reasoning(block))
            case ToolCallBlock():
                arguments = block.tool_kwargs
                text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
                parts.append(ToolCallPart(id=block.tool_call_id or "", name=block.tool_name, arguments=text))
            case CachePoint():
                _mark(parts, block)
            case CitableBlock():
                parts.extend(_to_parts(block.content))
            case CitationBlock():
                parts.extend(_to_parts([block.cited_content]))
            case _:
                raise PromptError(
                    f"Budwood cannot send a {type(block).__name__}.", hint="Remove the block from the message."
                )
    yield from parts


def _to_reasoning(block: ThinkingBlock) -> ReasoningPart:
    provider = block.additional_information.get("provider")
    return ReasoningPart(
        text=block.content or "",
        provider=provider if isinstance(provider, str) else None,
        data=block.additional_information.get("data") if provider else None,
    )


def _mark(parts: list[Part], point: CachePoint) -> None:
    """Mark the part before a cache point. A lifetime that Budwood does not know is the vendor's default."""
    ttl = point.cache_control.ttl
    if parts and "cache" in type(parts[-1]).model_fields:
        parts[-1] = parts[-1].model_copy(update={"cache": ttl if ttl in _LIFETIMES else "default"})


def _read_legacy_calls(message: ChatMessage) -> Iterator[ToolCallPart]:
    """Yield the tool calls of a message that has them in ``additional_kwargs``, in OpenAI's form, instead of blocks."""
    for call in message.additional_kwargs.get("tool_calls") or ():
        fields = call.model_dump() if isinstance(call, BaseModel) else call
        if isinstance(fields, Mapping) and isinstance(function := fields.get("function"), Mapping):
            name, arguments = str(function.get("name") or ""), str(function.get("arguments") or "{}")
            yield ToolCallPart(id=str(fields.get("id") or ""), name=name, arguments=arguments)


def _has_more(message: Message) -> bool:
    """Tell whether a message has parts that blocks cannot express."""
    return any(
        isinstance(part, VendorPart | RefusalPart)
        or (isinstance(part, TextPart | ToolCallPart | ReasoningPart) and part.data is not None)
        or (isinstance(part, ImagePart | AudioPart | VideoPart | DocumentPart) and part.vendor_data is not None)
        for part in message.parts
    )


def _load_kept(message: ChatMessage) -> tuple[Part, ...]:
    """Return the parts from which a message was created; none if its blocks were changed."""
    kept = message.additional_kwargs.get(KEPT)
    if not isinstance(kept, list):
        return ()
    try:
        parts = _PARTS.validate_json(json.dumps(kept))  # as JSON, because bytes are in base64
    except (TypeError, ValueError):  # the message is not one of ours
        return ()
    return parts if list(_to_blocks(parts)) == message.blocks else ()


def _to_blocks(parts: Iterable[Part]) -> Iterator[BaseModel]:
    text = ""  # of adjacent parts: LlamaIndex puts line breaks between blocks
    for part in parts:
        if isinstance(part, TextPart | RefusalPart):
            text += part.text
            continue
        if text:
            yield TextBlock(text=text)
            text = ""
        match part:
            case ReasoningPart():
                kept = {"provider": part.provider, "data": part.data} if part.data is not None else {}
                yield ThinkingBlock(content=part.text, additional_information=kept)
            case ToolCallPart():
                yield ToolCallBlock(tool_call_id=part.id, tool_name=part.name, tool_kwargs=part.arguments)
            case ImagePart() | AudioPart() | VideoPart() | DocumentPart():
                if (block := to_media_block(part)) is not None:
                    yield block
            case ToolResultPart() | VendorPart():
                pass
    if text:
        yield TextBlock(text=text)
