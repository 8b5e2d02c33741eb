"""
Messages in the form of the semantic conventions, as JSON.

Source: the JSON schemas beside the conventions: gen-ai-input-messages.json, gen-ai-output-messages.json,
gen-ai-system-instructions.json. Attributes of spans are texts, because the API has no structured ones.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic_core import from_json, to_json

from budwood.types import (
    ChatRequest,
    ChatResponse,
    EmbeddingRequest,
    MediaPart,
    Message,
    ModerationRequest,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from budwood_opentelemetry.names import INPUT_MESSAGES, OUTPUT_MESSAGES, SYSTEM_INSTRUCTIONS, TOOL_DEFINITIONS

_INSTRUCTIONS: Final = frozenset({"system", "developer"})


def input_attributes(request: object) -> dict[str, str]:
    """Return the content of a request: messages, instructions and tools."""
    if isinstance(request, ChatRequest):
        return dict(_chat_attributes(request))
    if isinstance(request, EmbeddingRequest):
        texts: Sequence[Sequence[Part]] = [(TextPart(text=text),) for text in request.texts]
    elif isinstance(request, ModerationRequest):
        texts = request.contents
    else:
        return {}
    return {INPUT_MESSAGES: _json([{"role": "user", "parts": [_part(part) for part in parts]} for parts in texts])}


def output_attributes(response: object) -> dict[str, str]:
    """Return the messages that a chat added to its conversation."""
    if not isinstance(response, ChatResponse):
        return {}
    messages = [_message(message) for message in response.messages or (response.message,)]
    messages[-1]["finish_reason"] = finish_reason(response)
    return {OUTPUT_MESSAGES: _json(messages)}


def finish_reason(response: ChatResponse) -> str:
    """Return the conventions' name of a finish reason."""
    return "tool_call" if response.finish_reason == "tool_calls" else response.finish_reason


def encodable(text: str) -> str:
    """Return a text that exporters can encode: without unpaired surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _chat_attributes(request: ChatRequest) -> Iterator[tuple[str, str]]:
    instructions = [message for message in request.messages if message.role in _INSTRUCTIONS]
    if instructions:
        yield SYSTEM_INSTRUCTIONS, _json([_part(part) for message in instructions for part in message.parts])
    yield INPUT_MESSAGES, _json([_message(each) for each in request.messages if each.role not in _INSTRUCTIONS])
    if request.tools:
        yield TOOL_DEFINITIONS, _json([{"type": "function", "name": tool.name} for tool in request.tools])


def _message(message: Message) -> dict[str, Any]:
    named = {"name": message.name} if message.name else {}
    return {"role": message.role, "parts": [_part(part) for part in message.parts], **named}


def _part(part: Part) -> Mapping[str, object]:
    match part:
        case TextPart() | RefusalPart():
            return {"type": "text", "content": part.text}
        case ReasoningPart():
            return {"type": "reasoning", "content": part.text}
        case ToolCallPart():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": from_json(part.json_arguments)}
        case ToolResultPart():
            return {"type": "tool_call_response", "id": part.call_id, "response": part.text}
        case MediaPart(data=bytes() as data):
            content = base64.b64encode(data).decode("ascii")
            return {"type": "blob", "modality": part.type, "mime_type": part.media_type, "content": content}
        case MediaPart(url=str() as url):
            return {"type": "uri", "modality": part.type, "mime_type": part.media_type, "uri": url}
        case MediaPart():
            return {"type": "file", "modality": part.type, "mime_type": part.media_type, "file_id": part.file_id}
        case _:
            return {"type": part.kind, "data": part.data}


def _json(value: object) -> str:
    try:
        return to_json(value, inf_nan_mode="null").decode()
    except ValueError:  # unpaired surrogates, which JSON can only have as escapes
        return json.dumps(value)
