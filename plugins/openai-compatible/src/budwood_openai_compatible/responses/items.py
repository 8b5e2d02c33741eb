"""
Encode messages as items of Responses, and decode items into parts of messages.

A received item is returned to the server unchanged: ``data`` of its part has the id, the status and all other fields.
Items that Budwood does not model are vendor parts.

Source: OpenAI's API description, ``InputItem`` and ``OutputItem``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from budwood.errors import UnsupportedError
from budwood.providing import fit_call_id, reject_parts
from budwood.types import (
    AnyMedia,
    AudioPart,
    ImagePart,
    MediaPart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
)
from budwood_openai_compatible.content import extract_text
from budwood_openai_compatible.encoding import list_returned_media
from budwood_openai_compatible.tool_calls import serialize_arguments

CALLS: Final[Mapping[str, str]] = {"function_call": "arguments", "custom_tool_call": "input"}
"""Types of items that are tool calls, and the field with the arguments."""

MAX_CALL_ID_LENGTH: Final = 64
"""The maximum length of a ``call_id``, in characters (``FunctionToolCall``)."""

_TEXT_FIELDS: Final[Mapping[str, str]] = {"output_text": "text", "refusal": "refusal"}
"""Types of content parts of a message, and the field with the text."""


def decode_item(item: Mapping[str, Any], vendor: str) -> list[Part]:
    """Decode one item of a reply."""
    kind = str(item.get("type"))
    if kind == "reasoning":
        return [ReasoningPart(text=get_reasoning_text(item), provider=vendor, data=dict(item))]
    if kind in CALLS:
        return [_decode_call(item, kind, vendor)]
    if kind == "image_generation_call":
        from budwood_openai_compatible.responses.media import decode_image_call  # most replies have none

        if (image := decode_image_call(item, vendor)) is not None:
            return [image]
    parts = item.get("content")
    if kind == "message" and parts and all(part.get("type") in _TEXT_FIELDS for part in parts):
        return [_decode_content_part(part, item, vendor) for part in parts]
    return [VendorPart(provider=vendor, kind=kind, data=dict(item))]


def get_reasoning_text(item: Mapping[str, Any]) -> str:
    """Return the summaries of a reasoning item; without summaries, the reasoning itself, which open models return."""
    summaries = [extract_text(part) for part in item.get("summary") or ()]
    reasoning = [extract_text(part) for part in item.get("content") or ()]
    return "\n\n".join(summaries) or "".join(reasoning)


def _decode_call(item: Mapping[str, Any], kind: str, vendor: str) -> ToolCallPart:
    field_name = CALLS[kind]
    rest = omit_fields(item, "call_id", "name", field_name)
    return ToolCallPart(
        id=item.get("call_id") or item.get("id") or "",
        name=item.get("name") or "",
        arguments=serialize_arguments(item.get(field_name)),
        provider=vendor,
        data=rest,
    )


def _decode_content_part(part: Mapping[str, Any], item: Mapping[str, Any], vendor: str) -> TextPart | RefusalPart:
    field_name = _TEXT_FIELDS[part["type"]]
    data = {**omit_fields(part, "type", field_name), "message": omit_fields(item, "type", "role", "content")}
    kind = TextPart if field_name == "text" else RefusalPart
    return kind(text=part.get(field_name) or "", provider=vendor, data=data)


def omit_fields(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the fields without those named, and without null."""
    return {name: value for name, value in fields.items() if name not in names and value is not None}


@dataclass
class InputEncoder:
    """
    Encodes messages as input items.

    Args:
        vendor: The receiving provider. Parts of other vendors are not sent.
        system_role: The role of system and developer messages; None leaves it unchanged.
        stored: Whether the server stores its replies. If not, reasoning requires its encrypted content.

    Attributes:
        items: The encoded items.
        omitted: Types of items that cannot be sent.
    """

    vendor: str
    system_role: str | None
    stored: bool = True
    items: list[Any] = field(default_factory=list)
    omitted: set[str] = field(default_factory=set)
    _custom_calls: set[str] = field(default_factory=set)

    def add(self, messages: Iterable[Message]) -> None:
        """Encode further messages."""
        for message in messages:
            if message.role == "tool":
                reject_parts(message, MediaPart)
                self._add_parts(message)
            elif message.role == "assistant":
                self._add_parts(message)
                self._add_returned_media(message)
            else:
                self._add_prompt(message)

    def _add_prompt(self, message: Message) -> None:
        parts = [part for part in message.parts if _is_for(part, self.vendor)]
        content = [part for part in parts if not _is_item(part)]
        role = message.role if message.role == "user" else self.system_role or message.role
        if content or not parts:
            self.items.append({"role": role, "content": _encode_content(content)})
        self.items.extend(part.data for part in parts if isinstance(part, VendorPart) and _is_item(part))

    def _add_returned_media(self, message: Message) -> None:
        """Send images of other servers in a user message, since an assistant message cannot contain them."""
        if any(isinstance(part, MediaPart) for part in message.parts):
            media = [*list_returned_media(message, except_of=self.vendor)]
            if media:
                self.items.append({"role": "user", "content": _encode_content(media)})

    def _add_parts(self, message: Message) -> None:
        current: dict[str, Any] | None = None
        for part in message.parts:
            if isinstance(part, TextPart | RefusalPart):
                current = self._add_text(part, current)
            else:
                current = None
                self.items.extend(self._encode_part(part))

    def _add_text(self, part: TextPart | RefusalPart, current: dict[str, Any] | None) -> dict[str, Any] | None:
        """Encode text as it was received: parts of one message as one item, with its other fields."""
        data = part.data if part.provider == self.vendor and isinstance(part.data, dict) else {}
        message: Any = data.get("message")
        if message is None:
            return self._add_plain(part, current)
        content = {"type": "output_text", "text": part.text} if isinstance(part, TextPart) else _encode_refusal(part)
        content |= omit_fields(data, "message")
        if current is not None and current.get("id") == message.get("id"):
            current["content"].append(content)
            return current
        self.items.append({"type": "message", "role": "assistant", **message, "content": [content]})
        added: dict[str, Any] = self.items[-1]
        return added

    def _add_plain(self, part: TextPart | RefusalPart, current: dict[str, Any] | None) -> dict[str, Any] | None:
        """Encode text of another vendor. A refusal is sent as text, because a refusal item requires an id."""
        if isinstance(part, TextPart) and current is not None and isinstance(current["content"], str):
            current["content"] += part.text
            return current
        added: dict[str, Any] = {"role": "assistant", "content": part.text}
        self.items.append(added)
        return added if isinstance(part, TextPart) else None

    def _encode_part(self, part: Part) -> Iterator[Any]:
        match part:
            case ReasoningPart(provider=self.vendor, data=dict() as data) if data.get("type") == "reasoning":
                if self.stored or data.get("encrypted_content"):
                    yield data
                else:
                    self.omitted.add("reasoning")
            case AudioPart(transcript=str(transcript)):
                yield {"role": "assistant", "content": transcript}
            case MediaPart(provider=self.vendor):
                yield from self._encode_image_call(part)
            case ToolCallPart():
                yield self._encode_call(part)
            case ToolResultPart():
                kind = "custom_tool_call_output" if part.call_id in self._custom_calls else "function_call_output"
                yield {"type": kind, "call_id": _fit_call_id(part.call_id), "output": self._encode_output(part)}
            case VendorPart(provider=self.vendor) if _is_item(part):
                yield part.data
            case _:
                pass  # parts of other vendors, or reasoning without data

    def _encode_image_call(self, part: AnyMedia) -> Iterator[Any]:
        from budwood_openai_compatible.responses.media import encode_image_call, is_image_call

        if is_image_call(part, self.vendor) and isinstance(part, ImagePart):
            yield encode_image_call(part)

    def _encode_output(self, result: ToolResultPart) -> str | list[Any]:
        """Encode what a tool returned: a text, or a list of ``input_text``, ``input_image`` and ``input_file``."""
        return _encode_content([part for part in result.parts if _is_for(part, self.vendor)])

    def _encode_call(self, part: ToolCallPart) -> dict[str, Any]:
        data: Any = part.data if part.provider == self.vendor and isinstance(part.data, dict) else {}
        kind = data.get("type")
        if kind not in CALLS:  # it was received from Chat Completions
            kind, data = "custom_tool_call" if kind == "custom" else "function_call", {}
        if kind == "custom_tool_call":
            self._custom_calls.add(part.id)
        arguments = part.json_arguments if kind == "function_call" else part.arguments  # a custom tool accepts any text
        return {**data, "type": kind, "call_id": _fit_call_id(part.id), "name": part.name, CALLS[kind]: arguments}


def _fit_call_id(call_id: str) -> str:
    return fit_call_id(call_id, max_length=MAX_CALL_ID_LENGTH)


def _encode_refusal(part: RefusalPart) -> dict[str, Any]:
    return {"type": "refusal", "refusal": part.text}


def _is_item(part: Part) -> bool:
    """Return whether a vendor part is an item, and not a content part, whose type starts with ``input_``."""
    return (
        isinstance(part, VendorPart)
        and isinstance(part.data, dict)
        and part.data.get("type") == part.kind
        and not part.kind.startswith("input_")
    )


def _is_for(part: Part, vendor: str) -> bool:
    """Return whether a part can be sent to a vendor: all parts except vendor parts of others."""
    return not isinstance(part, VendorPart) or part.provider == vendor


def _encode_content(parts: list[Part]) -> str | list[Any]:
    """Encode texts as one text, and other content as a list."""
    if all(isinstance(part, TextPart) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    return [_encode_content_part(part) for part in parts]


def _encode_content_part(part: Part) -> Any:  # noqa: ANN401 - a vendor's own part may be any JSON
    match part:
        case VendorPart():
            return part.data
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case MediaPart():
            from budwood_openai_compatible.responses.media import encode_media_part  # most messages have none

            return encode_media_part(part)
        case _:
            raise UnsupportedError(f"A user message cannot contain a part of the type {part.type!r}.")
