"""
Parse the input of the Responses API into messages, for vendors that do not have this API.

Source: OpenAI's API description, ``InputParam`` and ``InputItem``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.types import Message, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from budwood_server.formats.openai.responses_items import CUSTOM_INPUT
from budwood_server.formats.vendor_data import FIELD, VendorData, decode_vendor_data
from budwood_server.web.problems import reject, reject_unsupported

LeaveOut = Callable[[str, str], None]
"""Leaves out a field for a reason, or raises an error; see `budwood_server.gateway.plan.CallPlan.leave_out`."""

_ROLES: Final = ("system", "developer", "user", "assistant")
_TEXTS: Final[Mapping[str, str]] = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
_MEDIA: Final[Mapping[str, tuple[str, ...]]] = {
    "input_image": ("image_url", "file_id", "detail"),
    "input_file": ("file_data", "file_id", "file_url", "filename"),
    "input_audio": ("input_audio",),
}
"""Content that clients can send besides text, and its fields; Budwood takes it in this form."""

_ONLY_THERE: Final = "only vendors with the Responses API take it"
_NO_DATA: Final = VendorData(None, None)


class InputParser:
    """
    Parses input into messages.

    Args:
        leave_out: Leaves out items that cannot be translated.

    Attributes:
        messages: The messages so far, as `budwood.AsyncClient.ask` takes them.
    """

    def __init__(self, leave_out: LeaveOut) -> None:
        self.messages: list[Message | dict[str, Any]] = []
        self._leave_out = leave_out
        self._reply: list[Part] = []

    def add(self, value: object, where: str = "input") -> None:
        """
        Add a text or a list of items.

        Args:
            value: The field of the request.
            where: Its name, for errors.

        Raises:
            ProblemError: It is not valid, or cannot be translated.
        """
        if isinstance(value, str):
            self.messages.append(Message.user(value))
            return
        if not isinstance(value, list):
            raise reject(f"The field {where!r} must be a text or a list of items.", param=where)
        for number, item in enumerate(value):
            self._add_item(item, f"{where}[{number}]")
        self._end_reply()

    def _add_item(self, item: object, where: str) -> None:
        if not isinstance(item, Mapping):
            raise reject(f"{where} must be an object.", param=where)
        match item.get("type", "message"):
            case "message":
                self._add_message(item, where)
            case "function_call" | "custom_tool_call":
                self._reply.append(_parse_call(item, where))
            case "function_call_output" | "custom_tool_call_output":
                self._end_reply()
                content = _parse_content(item.get("output"), f"{where}.output")
                call_id = _get_text(item, "call_id", where)
                self.messages.append({"role": "tool", "tool_call_id": call_id, "content": content})
            case "reasoning":
                self._add_reasoning(item, where)
            case "item_reference":
                raise reject_unsupported(where, _ONLY_THERE, hint="Send the item itself in place of its id.")
            case _:
                self._leave_out(where, f"{_ONLY_THERE}: it is of the type {item.get('type')!r}")

    def _add_message(self, item: Mapping[str, Any], where: str) -> None:
        role = item.get("role")
        if role not in _ROLES:
            raise reject(f"{where}.role must be one of {', '.join(_ROLES)}.", param=f"{where}.role")
        content = _parse_content(item.get("content"), f"{where}.content")
        if role != "assistant":
            self._end_reply()
            self.messages.append({"role": role, "content": content})
            return
        for number, part in enumerate(content):
            if isinstance(part, dict):
                raise reject_unsupported(f"{where}.content[{number}]", "a message of the assistant has only texts")
            self._reply.append(part)

    def _add_reasoning(self, item: Mapping[str, Any], where: str) -> None:
        content = item.get("encrypted_content")
        data = decode_vendor_data(content)
        text = "\n\n".join(str(part.get("text", "")) for part in item.get("summary") or () if isinstance(part, Mapping))
        if data is not None:
            self._reply.append(ReasoningPart(text=text, provider=data.provider, data=data.data))
        elif content is not None:
            self._leave_out(where, "only the vendor that sent this reasoning can read it")
        elif text:
            self._reply.append(ReasoningPart(text=text))

    def _end_reply(self) -> None:
        """Add the parts of the assistant's turn as one message."""
        if self._reply:
            self.messages.append(Message(role="assistant", parts=tuple(self._reply)))
            self._reply = []


def _parse_call(item: Mapping[str, Any], where: str) -> ToolCallPart:
    data = decode_vendor_data(item.get(FIELD)) or _NO_DATA
    if item["type"] == "custom_tool_call":
        arguments = to_json({CUSTOM_INPUT: _get_text(item, "input", where)}).decode()
    else:
        arguments = _get_text(item, "arguments", where)
    return ToolCallPart(
        id=_get_text(item, "call_id", where),
        name=_get_text(item, "name", where),
        arguments=arguments or "{}",
        provider=data.provider,
        data=data.data,
    )


def _parse_content(content: object, where: str) -> list[Any]:
    """Parse content as parts; media remain dictionaries, which Budwood takes."""
    if content is None:
        return []
    if isinstance(content, str):
        return [TextPart(text=content)]
    if not isinstance(content, list):
        raise reject(f"{where} must be a text or a list.", param=where)
    return [_parse_part(part, f"{where}[{number}]") for number, part in enumerate(content)]


def _parse_part(part: object, where: str) -> TextPart | RefusalPart | dict[str, Any]:
    if not isinstance(part, Mapping):
        raise reject(f"{where} must be an object.", param=where)
    kind = str(part.get("type"))
    if kind in _TEXTS:
        text, data = _get_text(part, _TEXTS[kind], where), decode_vendor_data(part.get(FIELD)) or _NO_DATA
        make = RefusalPart if kind == "refusal" else TextPart
        return make(text=text, provider=data.provider, data=data.data)
    if kind in _MEDIA:
        fields = {name: part[name] for name in _MEDIA[kind] if part.get(name) is not None}
        if kind == "input_image" and not fields.keys() & {"image_url", "file_id"}:
            raise reject(f"{where} must have an image_url or a file_id.", param=where)
        return {"type": kind, **fields}
    raise reject_unsupported(where, f"content of the type {kind!r} cannot be translated for this model")


def _get_text(item: Mapping[str, Any], name: str, where: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise reject(f"{where}.{name} must be a text.", param=f"{where}.{name}")
    return value
