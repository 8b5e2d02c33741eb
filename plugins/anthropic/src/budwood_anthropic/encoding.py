"""
Write messages in the form of Anthropic's Messages API.

Source: the types of its Python SDK, ``anthropic`` 2.11.0: ``types/message_param.py``, ``types/content_block_param.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from budwood.errors import PromptError, UnsupportedError
from budwood.providing import INVALID_ARGUMENTS, has_invalid_arguments, inline_image
from budwood.types import (
    Adaptation,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
)
from budwood_anthropic.cache_control import marked
from budwood_anthropic.decoding import VENDOR

Block = dict[str, Any]
Content = str | list[Block]

_NOT_IN_IDS: Final = re.compile(r"[^A-Za-z0-9_-]")
_INSTRUCTING: Final = ("system", "developer")
_TOOL: Final = Message(role="tool", parts=())


class Conversation(NamedTuple):
    """Messages in the vendor's form, with the system prompt apart, and the receipts for what was changed."""

    system: Content
    messages: list[dict[str, Any]]
    adaptations: tuple[Adaptation, ...]


def encode_conversation(messages: Iterable[Message], *, inline_system: bool) -> Conversation:
    """
    Write messages.

    Args:
        messages: System messages before all others are the system prompt.
        inline_system: Whether the model takes system messages among the others; else they are put before them.
    """
    return _Writer(inline_system=inline_system).write(messages)


@dataclass(slots=True)
class _Writer:
    """Writes one conversation."""

    inline_system: bool
    receipts: dict[str, Adaptation] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def write(self, messages: Iterable[Message]) -> Conversation:
        system: list[Block] = []
        written: list[dict[str, Any]] = []
        last_role = None
        for message in messages:
            blocks = self.blocks(message)
            if message.name:
                self.note("message.name", "dropped", "the vendor knows no names of speakers")
            if not blocks and not (message.role == "user" and not written):
                continue
            if message.role in _INSTRUCTING and (not written or not self.inline_system):
                if written:
                    self.note("messages", "changed", "the model takes system messages only before all others")
                system += blocks
                continue
            if message.role == last_role == "tool":  # the results of one turn belong into one message
                written[-1]["content"] += blocks
                continue
            written.append({"role": _role(message), "content": blocks or self.placeholder()})
            last_role = message.role
        self.trim_end(written)
        for turn in written:
            turn["content"] = _shortest(turn["content"])
        return Conversation(_shortest(system), written, tuple(self.receipts.values()))

    def note(self, parameter: str, action: str, reason: str) -> None:
        self.receipts.setdefault(reason, Adaptation(parameter=parameter, action=action, reason=reason))

    def blocks(self, message: Message) -> list[Block]:
        """Encode the parts of a message, without texts of white space alone, which the API rejects."""
        return [block for part in message.parts if (block := self.block(part, message))]

    def placeholder(self) -> list[Block]:
        """Return what stands for a first turn that holds only blank text: a conversation begins with the user."""
        self.note("messages", "changed", "a blank first message is rejected: a placeholder was sent")
        return [{"type": "text", "text": "(empty message)"}]

    def trim_end(self, written: list[dict[str, Any]]) -> None:
        """Remove trailing white space from a final assistant turn, which the API rejects."""
        last = written[-1] if written else None
        if last is None or last["role"] != "assistant" or last["content"][-1].get("type") != "text":
            return
        block = last["content"][-1]
        text = block["text"].rstrip()
        if text != block["text"]:
            self.note("messages", "changed", "trailing white space of a final assistant turn is rejected")
            last["content"][-1] = {**block, "text": text}

    def block(self, part: Part, message: Message) -> Block | None:
        match part:
            case TextPart():
                block = {"type": "text", "text": part.text, **_own(part)}
                return marked(block, part.cache) if part.text.strip() else None
            case RefusalPart():
                return {"type": "text", "text": part.text} if part.text.strip() else None
            case VendorPart():
                return part.data if part.provider == VENDOR and isinstance(part.data, dict) else None
            case ReasoningPart():
                return self.thinking(part)
            case ImagePart() if message.role in ("user", "tool"):
                return self.image(part)
            case ToolCallPart() if message.role == "assistant":
                return self.call(part)
            case ToolResultPart() if message.role in ("user", "tool"):
                return self.result(part)
            case _:
                raise UnsupportedError(f"A message of the role {message.role!r} cannot hold {part.type} here.")

    def thinking(self, part: ReasoningPart) -> Block | None:
        """Write a thought back as it came. What another vendor's model thought cannot be: it has no signature."""
        if part.provider != VENDOR or not isinstance(part.data, dict):
            self.note("messages", "dropped", "reasoning that is not signed by the vendor is not taken back")
            return None
        kind = part.data.get("type", "thinking")
        thought = {"thinking": part.text} if kind == "thinking" else {}
        return {"type": kind, **thought, **part.data}

    def image(self, part: ImagePart) -> Block:
        if part.detail not in (None, "auto"):
            self.note("image.detail", "dropped", "the vendor decides on the resolution itself")
        return marked({"type": "image", "source": _source(part)}, part.cache)

    def call(self, part: ToolCallPart) -> Block:
        if has_invalid_arguments(part):
            self.note("messages", "changed", INVALID_ARGUMENTS)
        arguments = from_json(part.json_arguments)
        block = {"type": "tool_use", "id": self.new_id(part.id), "name": part.name, "input": arguments}
        return marked({**block, **_own(part)}, part.cache)

    def result(self, part: ToolResultPart) -> Block:
        call_id = self.ids.get(part.call_id) or self.new_id(part.call_id)
        block: Block = {"type": "tool_result", "tool_use_id": call_id}
        if content := self.result_content(part):
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return marked(block, part.cache)

    def result_content(self, part: ToolResultPart) -> Content:
        """Encode what a tool returned: a text, or blocks of text, images and documents."""
        if isinstance(part.content, str):
            return part.content if part.content.strip() else ""
        return [block for piece in part.content if (block := self.block(piece, _TOOL))]

    def new_id(self, given: str) -> str:
        """
        Return the id under which a call is known to the vendor.

        Other vendors' ids hold characters that this one refuses, and those whose calls have none number them anew in
        each turn, while here all must differ.
        """
        plain = _NOT_IN_IDS.sub("_", given) or "call"
        written, number = plain, 1
        while written in self.taken:
            number += 1
            written = f"{plain}_{number}"
        self.taken.add(written)
        self.ids[given] = written
        return written


def _own(part: TextPart | ToolCallPart) -> Mapping[str, Any]:
    """Return what the vendor wants back with a part of its own."""
    return part.data if part.provider == VENDOR and isinstance(part.data, dict) else {}


def _role(message: Message) -> str:
    if message.role in _INSTRUCTING:
        return "system"
    return "assistant" if message.role == "assistant" else "user"


def _shortest(blocks: list[Block]) -> Content:
    """Write a text alone as a text."""
    if not blocks:
        return ""
    return blocks[0]["text"] if len(blocks) == 1 and set(blocks[0]) == {"type", "text"} else blocks


def _source(part: ImagePart) -> dict[str, str]:
    image = inline_image(part)
    if image is None:
        return {"type": "url", "url": part.url or ""}
    if image.media_type is None:
        raise PromptError("An image has no media type.", hint='Give it one, such as media_type="image/png".')
    return {"type": "base64", "media_type": image.media_type, "data": image.base64}
