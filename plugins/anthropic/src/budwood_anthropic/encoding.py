"""
Encode messages for Anthropic's Messages API.

Source: the types of its Python SDK, ``anthropic`` 2.11.0: ``types/message_param.py``, ``types/content_block_param.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from budwood.errors import UnsupportedError
from budwood.providing import (
    DROPPED_CALL_FIELDS,
    INVALID_ARGUMENTS,
    has_further_fields,
    has_invalid_arguments,
)
from budwood.types import (
    Adaptation,
    AudioPart,
    DocumentPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
    VideoPart,
)
from budwood_anthropic.cache_control import with_cache_control
from budwood_anthropic.decoding import VENDOR

Block = dict[str, Any]
Content = str | list[Block]

_NOT_IN_IDS: Final = re.compile(r"[^A-Za-z0-9_-]")
_SYSTEM: Final = ("system", "developer")
_TOOL: Final = Message(role="tool", parts=())


class Conversation(NamedTuple):
    """
    Messages in the vendor's form.

    Attributes:
        system: The system prompt, which the API takes separately.
        messages: All other messages.
        adaptations: What was changed.
    """

    system: Content
    messages: list[dict[str, Any]]
    adaptations: tuple[Adaptation, ...]


def encode_conversation(messages: Iterable[Message], *, inline_system: bool) -> Conversation:
    """
    Encode messages.

    Args:
        messages: The messages. System messages before all others become the system prompt.
        inline_system: Whether the model takes system messages among the others. If not, they move to the system prompt.
    """
    return _Encoder(inline_system=inline_system).encode(messages)


@dataclass(slots=True)
class _Encoder:
    """Encodes one conversation."""

    inline_system: bool
    adaptations: dict[str, Adaptation] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    used_ids: set[str] = field(default_factory=set)

    def encode(self, messages: Iterable[Message]) -> Conversation:
        system: list[Block] = []
        turns: list[dict[str, Any]] = []
        last_role = None
        for message in messages:
            blocks = self.blocks(message)
            if message.name:
                self.adapt("message.name", "dropped", "the API has no names of speakers")
            if not blocks and not (message.role == "user" and not turns):
                continue
            if message.role in _SYSTEM and (not turns or not self.inline_system):
                if turns:
                    self.adapt("messages", "changed", "the model takes system messages only before all others")
                system += blocks
                continue
            if message.role == last_role == "tool":  # all results of a turn must be in one message
                turns[-1]["content"] += blocks
                continue
            turns.append({"role": _role(message), "content": blocks or self.placeholder()})
            last_role = message.role
        self.trim_end(turns)
        for turn in turns:
            turn["content"] = _shorten(turn["content"])
        return Conversation(_shorten(system), turns, tuple(self.adaptations.values()))

    def adapt(self, parameter: str, action: str, reason: str) -> None:
        self.adaptations.setdefault(reason, Adaptation(parameter=parameter, action=action, reason=reason))

    def blocks(self, message: Message) -> list[Block]:
        """Encode the parts of a message, without blank texts, which the API rejects."""
        return [block for part in message.parts if (block := self.block(part, message))]

    def placeholder(self) -> list[Block]:
        """Return the content of a blank first message: a conversation must start with the user."""
        self.adapt("messages", "changed", "a blank first message is rejected: a placeholder was sent")
        return [{"type": "text", "text": "(empty message)"}]

    def trim_end(self, turns: list[dict[str, Any]]) -> None:
        """Remove trailing white space from a final assistant message, which the API rejects."""
        last = turns[-1] if turns else None
        if last is None or last["role"] != "assistant" or last["content"][-1].get("type") != "text":
            return
        block = last["content"][-1]
        text = block["text"].rstrip()
        if text != block["text"]:
            self.adapt("messages", "changed", "trailing white space of a final assistant message is rejected")
            last["content"][-1] = {**block, "text": text}

    def block(self, part: Part, message: Message) -> Block | None:
        match part:
            case TextPart():
                block = {"type": "text", "text": part.text, **_vendor_data(part)}
                return with_cache_control(block, part.cache) if part.text.strip() else None
            case RefusalPart():
                return {"type": "text", "text": part.text} if part.text.strip() else None
            case VendorPart():
                return part.data if part.provider == VENDOR and isinstance(part.data, dict) else None
            case ReasoningPart():
                return self.thinking(part)
            case ImagePart() | DocumentPart() if message.role in ("user", "tool"):
                return self.media(part)
            case AudioPart() | VideoPart():
                raise UnsupportedError(
                    f"Claude takes no {part.type}.", hint="Use a model that does, or pass a transcript as text."
                )
            case ToolCallPart() if message.role == "assistant":
                return self.call(part)
            case ToolResultPart() if message.role in ("user", "tool"):
                return self.result(part)
            case _:
                raise UnsupportedError(
                    f"A message of role {message.role!r} cannot contain a part of type {part.type!r} here.",
                    hint="Put it into a user message.",
                )

    def thinking(self, part: ReasoningPart) -> Block | None:
        """Return thinking unchanged. The API rejects thinking of other vendors, which has no signature."""
        if part.provider != VENDOR or not isinstance(part.data, dict):
            self.adapt("messages", "dropped", "the API takes only reasoning with its own signature")
            return None
        kind = part.data.get("type", "thinking")
        text = {"thinking": part.text} if kind == "thinking" else {}
        return {"type": kind, **text, **part.data}

    def media(self, part: ImagePart | DocumentPart) -> Block:
        if isinstance(part, ImagePart) and part.detail not in (None, "auto"):
            self.adapt("image.detail", "dropped", "the API has no parameter for the resolution of images")
        from budwood_anthropic.media import encode_media  # most messages have no media

        return with_cache_control(encode_media(part), part.cache)

    def call(self, part: ToolCallPart) -> Block:
        if has_invalid_arguments(part):
            self.adapt("messages", "changed", INVALID_ARGUMENTS)
        if has_further_fields(part):
            self.adapt("messages", "changed", DROPPED_CALL_FIELDS)
        arguments = from_json(part.json_arguments)
        block = {"type": "tool_use", "id": self.new_id(part.id), "name": part.name, "input": arguments}
        return with_cache_control({**block, **_vendor_data(part)}, part.cache)

    def result(self, part: ToolResultPart) -> Block:
        call_id = self.ids.get(part.call_id) or self.new_id(part.call_id)
        block: Block = {"type": "tool_result", "tool_use_id": call_id}
        if content := self.result_content(part):
            block["content"] = content
        if part.is_error and part.media:
            self.adapt("messages", "changed", "an error takes only text: a result with media was sent as no error")
        elif part.is_error:
            block["is_error"] = True
        return with_cache_control(block, part.cache)

    def result_content(self, part: ToolResultPart) -> Content:
        """Encode what a tool returned: a text, or blocks of text, images and documents."""
        if isinstance(part.content, str):
            return part.content if part.content.strip() else ""
        return [block for one in part.content if (block := self.block(one, _TOOL))]

    def new_id(self, call_id: str) -> str:
        """
        Return a valid id for a call.

        Ids of other vendors may contain characters that the API rejects. They may also repeat in each turn, whereas the
        API requires all ids of a conversation to differ.
        """
        plain = _NOT_IN_IDS.sub("_", call_id) or "call"
        new, number = plain, 1
        while new in self.used_ids:
            number += 1
            new = f"{plain}_{number}"
        self.used_ids.add(new)
        self.ids[call_id] = new
        return new


def _vendor_data(part: TextPart | ToolCallPart) -> Mapping[str, Any]:
    """Return the fields that the vendor requires back with its own part."""
    return part.data if part.provider == VENDOR and isinstance(part.data, dict) else {}


def _role(message: Message) -> str:
    if message.role in _SYSTEM:
        return "system"
    return "assistant" if message.role == "assistant" else "user"


def _shorten(blocks: list[Block]) -> Content:
    """Return a single plain text block as a string."""
    if not blocks:
        return ""
    return blocks[0]["text"] if len(blocks) == 1 and set(blocks[0]) == {"type", "text"} else blocks
