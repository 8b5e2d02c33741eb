"""Items of a streamed reply of the Responses API while they grow, and the events about them."""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import to_json

from budwood.types import ReasoningPart, RefusalPart, TextPart, ToolCallPart
from budwood_server.formats.openai.responses_items import (
    Item,
    encode_content,
    find_message,
    make_call,
    make_message,
    make_reasoning,
    new_id,
)


class EventWriter:
    """
    Encodes events, and numbers them.

    Args:
        starting_after: The number of the last event that is left out; by default none is.
    """

    def __init__(self, starting_after: int = -1) -> None:
        self._number = 0
        self._starting_after = starting_after
        self._chunks: list[bytes] = []

    def write(self, kind: str, **fields: object) -> None:
        """Add an event."""
        event = {"type": kind, **fields, "sequence_number": self._number}
        self._number += 1
        if self._number - 1 <= self._starting_after:
            return
        self._chunks += (b"event: ", kind.encode(), b"\ndata: ", to_json(event, inf_nan_mode="null"), b"\n\n")

    def take(self) -> bytes:
        """Return the events since the last time."""
        chunk = b"".join(self._chunks)
        self._chunks.clear()
        return chunk


class OpenMessage:
    """
    A message that is being written.

    Args:
        writer: Gets the events.
        index: The index of the item in the reply.
    """

    _EMPTY: Final = {
        "output_text": {"type": "output_text", "annotations": [], "logprobs": [], "text": ""},
        "refusal": {"type": "refusal", "refusal": ""},
    }

    def __init__(self, writer: EventWriter, index: int) -> None:
        self._writer = writer
        self._id = new_id("msg")
        self._place: dict[str, Any] = {"item_id": self._id, "output_index": index}
        self._index = index
        self._content: list[Item] = []
        self._kind = ""
        self._fields: dict[str, Any] = {}
        self._texts: list[str] = []
        item = make_message(self._id, [], status="in_progress")
        writer.write("response.output_item.added", output_index=index, item=item)

    @property
    def text(self) -> str:
        """The text of the content part that is being written."""
        return "".join(self._texts)

    def add_text(self, delta: str) -> None:
        """Add text."""
        self._start("output_text")
        self._texts.append(delta)
        self._write("response.output_text.delta", delta=delta, logprobs=[])

    def add_refusal(self, delta: str) -> None:
        """Add text of a refusal."""
        self._start("refusal")
        self._texts.append(delta)
        self._write("response.refusal.delta", delta=delta)

    def end_part(self, part: TextPart | RefusalPart | None = None) -> None:
        """End the content part, if one is being written; ``part`` is what it has become."""
        if not self._kind:
            return
        if part is None:
            part = TextPart(text=self.text) if self._kind == "output_text" else RefusalPart(text=self.text)
        content = encode_content(part)
        if isinstance(part, TextPart):
            self._write("response.output_text.done", text=part.text, logprobs=content["logprobs"])
            self._write_annotations(content["annotations"])
        else:
            self._write("response.refusal.done", refusal=part.text)
        self._write("response.content_part.done", part=content)
        self._content.append(content)
        self._fields = {**find_message(part), "id": self._id}
        self._kind = ""
        self._texts.clear()

    def end(self, status: str = "completed") -> Item:
        """End the message, and return it."""
        self.end_part()
        item = make_message(self._id, self._content, {"status": status, **self._fields})
        self._writer.write("response.output_item.done", output_index=self._index, item=item)
        return item

    def _start(self, kind: str) -> None:
        if self._kind != kind:
            self.end_part()
            self._kind = kind
            self._write("response.content_part.added", part=self._EMPTY[kind])

    def _write_annotations(self, annotations: list[Any]) -> None:
        for number, annotation in enumerate(annotations):
            self._write("response.output_text.annotation.added", annotation_index=number, annotation=annotation)

    def _write(self, kind: str, **fields: object) -> None:
        self._writer.write(kind, **self._place, content_index=len(self._content), **fields)


class OpenReasoning:
    """Reasoning that is being written, as one summary; the arguments are those of `OpenMessage`."""

    def __init__(self, writer: EventWriter, index: int) -> None:
        self._writer = writer
        self._id = new_id("rs")
        self._index = index
        self._place: dict[str, Any] = {"item_id": self._id, "output_index": index, "summary_index": 0}
        self._texts: list[str] = []
        item = {"id": self._id, "type": "reasoning", "summary": []}
        writer.write("response.output_item.added", output_index=index, item=item)

    def add(self, delta: str) -> None:
        """Add text."""
        if not self._texts:
            part = {"type": "summary_text", "text": ""}
            self._writer.write("response.reasoning_summary_part.added", **self._place, part=part)
        self._texts.append(delta)
        self._writer.write("response.reasoning_summary_text.delta", **self._place, delta=delta)

    def end(self, part: ReasoningPart | None = None) -> Item:
        """End the item, and return it; ``part`` is what it has become."""
        text = "".join(self._texts)
        if text:
            self._writer.write("response.reasoning_summary_text.done", **self._place, text=text)
            summary = {"type": "summary_text", "text": text}
            self._writer.write("response.reasoning_summary_part.done", **self._place, part=summary)
        item = make_reasoning(self._id, part or ReasoningPart(text=text))
        self._writer.write("response.output_item.done", output_index=self._index, item=item)
        return item


class OpenCall:
    """
    A tool call that is being written.

    Args:
        writer: Gets the events.
        index: The index of the item in the reply.
        call_id: The id of the call.
        name: The name of the tool.
        custom_tools: The names of tools that are custom ones for the client, and functions for the vendor. Their input
            is written at the end, because it is inside the arguments.
    """

    def __init__(self, writer: EventWriter, index: int, call_id: str, name: str, custom_tools: frozenset[str]) -> None:
        self._writer = writer
        self._index = index
        self._part = ToolCallPart(id=call_id, name=name, arguments="")
        self._custom_tools = custom_tools
        self._arguments: list[str] = []
        self._item = make_call(new_id("fc"), self._part, custom_tools, "in_progress")
        self._is_custom = self._item["type"] == "custom_tool_call"
        self._place: dict[str, Any] = {"item_id": self._item["id"], "output_index": index}
        writer.write("response.output_item.added", output_index=index, item=self._item)

    def add(self, delta: str) -> None:
        """Add text of the arguments."""
        self._arguments.append(delta)
        if not self._is_custom:
            self._writer.write("response.function_call_arguments.delta", **self._place, delta=delta)

    def end(self, part: ToolCallPart | None = None) -> Item:
        """End the call, and return it; ``part`` is what it has become."""
        part = part or self._part.model_copy(update={"arguments": "".join(self._arguments)})
        item = make_call(self._item["id"], part, self._custom_tools)
        if item["type"] == "custom_tool_call":
            if item["input"]:
                self._writer.write("response.custom_tool_call_input.delta", **self._place, delta=item["input"])
            self._writer.write("response.custom_tool_call_input.done", **self._place, input=item["input"])
        else:
            name, arguments = item["name"], item["arguments"]
            self._writer.write("response.function_call_arguments.done", **self._place, name=name, arguments=arguments)
        self._writer.write("response.output_item.done", output_index=self._index, item=item)
        return item
