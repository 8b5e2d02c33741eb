"""
Write messages as items of Responses, and read items as parts of messages.

What came as an item goes back as the same item: its id, its status and whatever else the server said of it stand in
``data`` of the part. Items that Budwood does not model are vendor parts, whole.

Source: OpenAI's API description, ``InputItem`` and ``OutputItem``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from budwood.errors import UnsupportedError
from budwood.providing import fit_call_id, reject_parts
from budwood.types import (
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
from budwood_openai_compatible.tool_calls import serialize_arguments

CALLS: Final[Mapping[str, str]] = {"function_call": "arguments", "custom_tool_call": "input"}
"""Kinds of items that call a tool, and the field that holds what it is called with."""

MAX_CALL_ID_LENGTH: Final = 64
"""How many characters a ``call_id`` may have (``FunctionToolCall``)."""

_TEXTS: Final[Mapping[str, str]] = {"output_text": "text", "refusal": "refusal"}
"""Kinds of content of a message, and the field that holds the text."""


def decode_item(item: Mapping[str, Any], vendor: str) -> list[Part]:
    """Read one item of a reply."""
    kind = str(item.get("type"))
    if kind == "reasoning":
        return [ReasoningPart(text=reasoning_text(item), provider=vendor, data=dict(item))]
    if kind in CALLS:
        return [_decode_call(item, kind, vendor)]
    pieces = item.get("content")
    if kind == "message" and pieces and all(piece.get("type") in _TEXTS for piece in pieces):
        return [_decode_piece(piece, item, vendor) for piece in pieces]
    return [VendorPart(provider=vendor, kind=kind, data=dict(item))]


def reasoning_text(item: Mapping[str, Any]) -> str:
    """Return the summaries of a reasoning item; where there is none, the reasoning itself, which open models show."""
    summaries = [piece.get("text") or "" for piece in item.get("summary") or ()]
    whole = [piece.get("text") or "" for piece in item.get("content") or ()]
    return "\n\n".join(summaries) or "".join(whole)


def _decode_call(item: Mapping[str, Any], kind: str, vendor: str) -> ToolCallPart:
    written = CALLS[kind]
    rest = omit_fields(item, "call_id", "name", written)
    return ToolCallPart(
        id=item.get("call_id") or item.get("id") or "",
        name=item.get("name") or "",
        arguments=serialize_arguments(item.get(written)),
        provider=vendor,
        data=rest,
    )


def _decode_piece(piece: Mapping[str, Any], item: Mapping[str, Any], vendor: str) -> TextPart | RefusalPart:
    written = _TEXTS[piece["type"]]
    data = {**omit_fields(piece, "type", written), "message": omit_fields(item, "type", "role", "content")}
    kind = TextPart if written == "text" else RefusalPart
    return kind(text=piece.get(written) or "", provider=vendor, data=data)


def omit_fields(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Leave fields out, and those that are null, which say nothing."""
    return {name: value for name, value in fields.items() if name not in names and value is not None}


@dataclass
class InputEncoder:
    """
    Writes messages as input items.

    Args:
        vendor: The plugin's name: parts of other vendors are left out.
        system_role: The role of system and developer messages; None leaves each as it is.
        stored: Whether the vendor keeps its replies. If not, it knows no reasoning by its id alone.

    Attributes:
        items: What was written.
        left_out: Kinds of items that could not be sent.
    """

    vendor: str
    system_role: str | None
    stored: bool = True
    items: list[Any] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)
    _custom_calls: set[str] = field(default_factory=set)

    def add(self, messages: Iterable[Message]) -> None:
        """Write messages after those that are written."""
        for message in messages:
            if message.role in ("assistant", "tool"):
                reject_parts(message, ImagePart)
                self._add_parts(message)
            else:
                self._add_prompt(message)

    def _add_prompt(self, message: Message) -> None:
        own = [part for part in message.parts if _is_for(part, self.vendor)]
        content = [part for part in own if not _is_item(part)]
        role = message.role if message.role == "user" else self.system_role or message.role
        if content or not own:
            self.items.append({"role": role, "content": _content(content)})
        self.items.extend(part.data for part in own if isinstance(part, VendorPart) and _is_item(part))

    def _add_parts(self, message: Message) -> None:
        begun: dict[str, Any] | None = None
        for part in message.parts:
            if isinstance(part, TextPart | RefusalPart):
                begun = self._add_text(part, begun)
            else:
                begun = None
                self.items.extend(self._item(part))

    def _add_text(self, part: TextPart | RefusalPart, begun: dict[str, Any] | None) -> dict[str, Any] | None:
        """Write text as it came: pieces of one message into one item, with what the vendor said of it."""
        own = part.data if part.provider == self.vendor and isinstance(part.data, dict) else {}
        said: Any = own.get("message")
        if said is None:
            return self._add_plain(part, begun)
        piece = {"type": "output_text", "text": part.text} if isinstance(part, TextPart) else _refusal(part)
        piece |= omit_fields(own, "message")
        if begun is not None and begun.get("id") == said.get("id"):
            begun["content"].append(piece)
            return begun
        self.items.append({"type": "message", "role": "assistant", **said, "content": [piece]})
        written: dict[str, Any] = self.items[-1]
        return written

    def _add_plain(self, part: TextPart | RefusalPart, begun: dict[str, Any] | None) -> dict[str, Any] | None:
        """Write what another vendor's model said. A refusal goes as its words: as such it needs an id."""
        if isinstance(part, TextPart) and begun is not None and isinstance(begun["content"], str):
            begun["content"] += part.text
            return begun
        written: dict[str, Any] = {"role": "assistant", "content": part.text}
        self.items.append(written)
        return written if isinstance(part, TextPart) else None

    def _item(self, part: Part) -> Iterator[Any]:
        match part:
            case ReasoningPart(provider=self.vendor, data=dict() as data) if data.get("type") == "reasoning":
                if self.stored or data.get("encrypted_content"):
                    yield data
                else:
                    self.left_out.add("reasoning")
            case ToolCallPart():
                yield self._call(part)
            case ToolResultPart():
                kind = "custom_tool_call_output" if part.call_id in self._custom_calls else "function_call_output"
                yield {"type": kind, "call_id": _call_id(part.call_id), "output": self._output(part)}
            case VendorPart(provider=self.vendor) if _is_item(part):
                yield part.data
            case _:
                pass  # of other vendors, or reasoning that no vendor wants back

    def _output(self, result: ToolResultPart) -> str | list[Any]:
        """Encode what a tool returned: a text, or a list of ``input_text`` and ``input_image``."""
        return _content([part for part in result.parts if _is_for(part, self.vendor)])

    def _call(self, part: ToolCallPart) -> dict[str, Any]:
        own: Any = part.data if part.provider == self.vendor and isinstance(part.data, dict) else {}
        kind = own.get("type")
        if kind not in CALLS:  # it came by Chat Completions
            kind, own = "custom_tool_call" if kind == "custom" else "function_call", {}
        if kind == "custom_tool_call":
            self._custom_calls.add(part.id)
        arguments = part.json_arguments if kind == "function_call" else part.arguments  # a custom tool takes any text
        return {**own, "type": kind, "call_id": _call_id(part.id), "name": part.name, CALLS[kind]: arguments}


def _call_id(own: str) -> str:
    return fit_call_id(own, max_length=MAX_CALL_ID_LENGTH)


def _refusal(part: RefusalPart) -> dict[str, Any]:
    return {"type": "refusal", "refusal": part.text}


def _is_item(part: Part) -> bool:
    """Whether a vendor part is an item of its own; pieces of a user's content have types that begin with ``input_``."""
    return (
        isinstance(part, VendorPart)
        and isinstance(part.data, dict)
        and part.data.get("type") == part.kind
        and not part.kind.startswith("input_")
    )


def _is_for(part: Part, vendor: str) -> bool:
    """Return whether a vendor understands a part: all but content of other vendors."""
    return not isinstance(part, VendorPart) or part.provider == vendor


def _content(parts: list[Part]) -> str | list[Any]:
    """Write text alone as a text, and all else as a list."""
    if all(isinstance(part, TextPart) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    return [_content_piece(part) for part in parts]


def _content_piece(part: Part) -> Any:  # noqa: ANN401 - a vendor's own part may be any JSON
    match part:
        case VendorPart():
            return part.data
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case ImagePart():
            return {"type": "input_image", "image_url": part.data_url, "detail": part.detail or "auto"}
        case _:
            raise UnsupportedError(f"A user's message cannot hold {part.type} here.")
