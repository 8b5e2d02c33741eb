"""Events of Budwood's streams, as chunks of messages of LangChain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from budwood import ChatResponse
from budwood.types import (
    MediaClosed,
    Part,
    ReasoningClosed,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    StreamEvent,
    TextClosed,
    TextDelta,
    ToolCallDelta,
    VendorContent,
)
from budwood_langchain.blocks import EXTRAS, Block, make_block
from budwood_langchain.replies import make_metadata, make_own, make_usage
from budwood_langchain.tools import list_names

STREAM_OPTIONS = {"on_stream_failure": "raise", "repairs": 0}
"""Options of streams. Chunks cannot be taken back, as Budwood would do before it asks again for the same reply."""


class ChunkMaker:
    """
    Makes the chunks of one stream.

    Text is the content of its chunk. Reasoning, refusals and media are blocks; ``index`` says which belong together. It
    is a text, because tool calls count with numbers. Further choices of a reply are skipped.

    Args:
        options: The options of the call. With a schema, the arguments of a tool that was not passed are structured
            output: text. Without one, the model has invented the tool, and the caller gets the call.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._has_schema = options.get("schema") is not None
        self._tools = list_names(options.get("tools") or ())
        self._blocks = 0
        self._open: str | None = None
        self._outputs: set[int] = set()

    def convert(self, event: StreamEvent) -> ChatGenerationChunk | None:
        """Return the chunk of an event, or None if it has no content."""
        if getattr(event, "choice", 0):
            return None
        match event:
            case TextDelta():
                return _make_chunk(event.text)
            case ToolCallDelta():
                return self._add_call(event)
            case ReasoningDelta():
                return self._add(ReasoningPart(text=event.text))
            case RefusalDelta():
                return self._add(RefusalPart(text=event.text))
            case ReasoningClosed() | TextClosed(part=RefusalPart()):
                return self._close(event.part)
            case MediaClosed() | VendorContent():
                self._open = None
                chunk = self._add(event.part)
                self._open = None
                return chunk
            case _:
                return None

    def _add(self, part: Part) -> ChatGenerationChunk:
        """Make a chunk that continues the open block of this type, or starts a block."""
        if self._open != part.type:
            self._open = part.type
            self._blocks += 1
        return _make_chunk([{**(make_block(part) or {}), "index": f"lc_{self._blocks}"}])

    def _close(self, part: Part) -> ChatGenerationChunk | None:
        """Add what the vendor needs back. The text has arrived before, unless there were no deltas."""
        is_open = self._open == part.type
        if is_open and getattr(part, "data", None) is None:
            self._open = None
            return None
        chunk = self._add(part.model_copy(update={"text": ""}) if is_open else part)
        self._open = None
        return chunk

    def _add_call(self, event: ToolCallDelta) -> ChatGenerationChunk:
        if self._has_schema and event.name is not None and event.name not in self._tools:
            self._outputs.add(event.index)
        if event.index in self._outputs:
            return _make_chunk(event.arguments)
        call = tool_call_chunk(name=event.name, args=event.arguments, id=event.id, index=event.index)
        return ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[call]))


def make_last_chunk(response: ChatResponse) -> ChatGenerationChunk:
    """Return the last chunk, with the usage and the metadata of the complete reply."""
    own = make_own(response.message.parts)
    message = AIMessageChunk(
        content="",
        additional_kwargs={EXTRAS: own} if own else {},
        response_metadata=make_metadata(response),
        usage_metadata=make_usage(response.usage),
        chunk_position="last",
    )
    return ChatGenerationChunk(message=message, generation_info={"finish_reason": response.finish_reason})


def _make_chunk(content: str | list[Block]) -> ChatGenerationChunk:
    blocks: Any = content
    return ChatGenerationChunk(message=AIMessageChunk(content=blocks))
