"""Conversations of rows, with reasoning and passage placed as an export needs them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from budwood.types import Row
from budwood_generation.reasoning import REASONING

Reasoning = Literal["drop", "field", "tags"]
"""What to do with the reasoning of a model: leave it out, keep it in a field, or keep it in ``<think>`` tags."""

_TAGGED: Final = re.compile(r"\s*<think>(.*?)</think>\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message of a conversation. Only messages of the assistant have reasoning."""

    role: str
    content: str
    reasoning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """
    The conversation of a row.

    Attributes:
        id: The id of the row.
        messages: A system message, if there is one, then questions and answers.
        passage: The passage that belongs to the conversation, if it is exported.
        request: The text that goes before the passage in a system message.
    """

    id: str
    messages: tuple[ChatMessage, ...]
    passage: str | None = None
    request: str = ""

    @property
    def system(self) -> str | None:
        """The system message, or None."""
        return self.messages[0].content if self.messages and self.messages[0].role == "system" else None

    @property
    def turns(self) -> list[tuple[ChatMessage, ChatMessage]]:
        """The questions and answers, in pairs."""
        rest = self.messages if self.system is None else self.messages[1:]
        return list(zip(rest[::2], rest[1::2], strict=True))


def read_conversation(row: Row) -> Conversation:
    """Return the conversation of a row without its passage, and with reasoning taken out of ``<think>`` tags."""
    data: Mapping[str, Any] = row.data
    return Conversation(id=row.id, messages=tuple(map(_read_message, data["messages"])))


def attach_passage(conversation: Conversation, row: Row, request: str) -> Conversation:
    """Attach the passage of a row, if it has one."""
    source: Mapping[str, Any] = row.data.get("source") or {}  # type: ignore[assignment] # a row of ours
    return replace(conversation, passage=source.get("passage"), request=request)


def merge_passage(conversation: Conversation) -> Conversation:
    """Move the passage into the system message, in the form that the answerer received."""
    if conversation.passage is None:
        return conversation
    text = f"{conversation.request}\n\n<passage>\n{conversation.passage}\n</passage>"
    if conversation.system is None:
        return replace(conversation, messages=(ChatMessage("system", text), *conversation.messages), passage=None)
    first = ChatMessage("system", f"{conversation.system}\n\n{text}")
    return replace(conversation, messages=(first, *conversation.messages[1:]), passage=None)


def place_reasoning(conversation: Conversation, reasoning: Reasoning) -> Conversation:
    """Drop the reasoning of all answers, keep it in the field, or move it into tags before the answer."""
    if reasoning == "field":
        return conversation
    return replace(conversation, messages=tuple(_place(message, reasoning) for message in conversation.messages))


def _read_message(data: Mapping[str, Any]) -> ChatMessage:
    role, content, reasoning = data["role"], data["content"], data.get(REASONING)
    if role == "assistant" and reasoning is None and (tagged := _TAGGED.match(content)):
        return ChatMessage(role, content[tagged.end() :], tagged[1].strip() or None)
    return ChatMessage(role, content, reasoning)


def _place(message: ChatMessage, reasoning: Reasoning) -> ChatMessage:
    if reasoning == "drop" or message.reasoning is None:
        return replace(message, reasoning=None)
    return ChatMessage(message.role, f"<think>\n{message.reasoning}\n</think>\n\n{message.content}")
