"""
Parse the messages of a request to the Messages API.

Source: the types of Anthropic's Python SDK, ``anthropic`` 2.14.0: ``types/message_param.py``,
``types/content_block_param.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from budwood.types import (
    DocumentPart,
    ImagePart,
    Message,
    Part,
    ResultContent,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
)
from budwood_server.formats.anthropic.fields import read, read_cache_lifetime, read_objects, require
from budwood_server.formats.anthropic.signatures import VENDOR, decode_thinking
from budwood_server.web.problems import ProblemError, reject, reject_unsupported

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan

_MESSAGE_FIELDS: Final = frozenset({"role", "content"})
_TEXT_FIELDS: Final = frozenset({"type", "text", "cache_control"})
_CALL_FIELDS: Final = frozenset({"type", "id", "name", "input", "cache_control"})
_MEDIA_FIELDS: Final = frozenset({"type", "source", "title", "cache_control"})
_DIRECT: Final = {"type": "direct"}
_ONLY_ANTHROPIC: Final = "only Anthropic takes it"


class MessageParser:
    """
    Parses the messages of one request.

    Args:
        plan: The plan of the call, which leaves out what the model does not take.
    """

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan
        self._is_native = plan.api == VENDOR
        self._names: dict[str, str] = {}

    def parse_system(self, content: object) -> Message | None:
        """
        Parse the system prompt: a text, or a list of texts.

        Raises:
            ProblemError: It is neither.
        """
        if content is None or content in ("", []):
            return None
        return Message(role="system", parts=tuple(self._parse_content(content, "system", "system")))

    def parse(self, items: list[Any]) -> Iterator[Message]:
        """
        Parse the messages. Results of tools become messages of their own.

        Raises:
            ProblemError: A message is not valid, or contains what the model does not take.
        """
        for where, item in read_objects(items, "messages"):
            if unknown := next((name for name in item if name not in _MESSAGE_FIELDS), None):
                raise reject(f"{where} has the unknown field {unknown!r}.", param=f"{where}.{unknown}")
            role = require(item, "role", str, where)
            if role not in ("user", "assistant", "system"):
                raise reject(f"{where}.role must be 'user' or 'assistant'.", param=f"{where}.role")
            parts = self._parse_content(item.get("content"), f"{where}.content", role)
            if role == "user":
                yield from _split_results(parts)
            else:
                yield Message(role="assistant" if role == "assistant" else "system", parts=tuple(parts))

    def _parse_content(self, content: object, where: str, role: str) -> list[Part]:
        if isinstance(content, str):
            return [TextPart(text=content)]
        if not isinstance(content, list):
            raise reject(f"{where} must be a string or a list of blocks.", param=where)
        parts = (self._parse_block(block, path, role) for path, block in read_objects(content, where))
        return [part for part in parts if part is not None]

    def _parse_block(self, block: dict[str, Any], where: str, role: str) -> Part | None:
        match require(block, "type", str, where), role:
            case "text", _:
                return _parse_text(block, where)
            case (("image" | "document"), "user"):
                return self._parse_media(block, where)
            case "tool_result", "user":
                return self._parse_result(block, where)
            case "tool_use", "assistant":
                return self._parse_call(block, where)
            case (("thinking" | "redacted_thinking"), "assistant"):
                return decode_thinking(block, read(block, "thinking", str, where) or "")
            case _:
                return self._parse_other(block, where, role)

    def _parse_other(self, block: dict[str, Any], where: str, role: str) -> VendorPart | None:
        """Return a block that only Anthropic takes. Of the history of other models it is left out."""
        if not self._is_native:
            if role != "assistant":
                raise self._reject(f"{where}.type", f"{self._plan.name} takes no block of the type {block['type']!r}")
            self._plan.leave_out(where, _ONLY_ANTHROPIC)
            return None
        return VendorPart(provider=VENDOR, kind=block["type"], data=block)

    def _parse_media(self, block: dict[str, Any], where: str) -> ImagePart | DocumentPart | TextPart | VendorPart:
        source = require(block, "source", dict, where)
        path = f"{where}.source"
        kind = ImagePart if block["type"] == "image" else DocumentPart
        fields: dict[str, Any] = {"name": read(block, "title", str, where), "cache": read_cache_lifetime(block, where)}
        if others := {name: value for name, value in block.items() if name not in _MEDIA_FIELDS and value is not None}:
            fields |= self._keep_vendor_data(others, where)
        match require(source, "type", str, path):
            case "base64":
                media_type, data = require(source, "media_type", str, path), require(source, "data", str, path)
                return kind(url=f"data:{media_type};base64,{data}", **fields)
            case "url":
                return kind(url=require(source, "url", str, path), **fields)
            case "text" if kind is DocumentPart and not self._is_native:
                text = require(source, "data", str, path)
                return TextPart(text=f"{fields['name']}\n\n{text}" if fields["name"] else text, cache=fields["cache"])
            case "file" if self._is_native:
                return kind(file_id=require(source, "file_id", str, path), **fields)
            case other:
                if self._is_native:
                    return VendorPart(provider=VENDOR, kind=block["type"], data=block)
                raise self._reject(f"{path}.type", f"{self._plan.name} takes no source of the type {other!r}")

    def _keep_vendor_data(self, others: dict[str, Any], where: str) -> dict[str, Any]:
        """Return further fields of media for Anthropic, such as the citations of a document."""
        if self._is_native:
            return {"provider": VENDOR, "vendor_data": others}
        for name in others:
            self._plan.leave_out(f"{where}.{name}", _ONLY_ANTHROPIC)
        return {}

    def _parse_call(self, block: dict[str, Any], where: str) -> ToolCallPart:
        call_id, name = require(block, "id", str, where), require(block, "name", str, where)
        self._names[call_id] = name
        data = _list_others(block, _CALL_FIELDS)
        return ToolCallPart(
            id=call_id,
            name=name,
            arguments=to_json(read(block, "input", dict, where) or {}, inf_nan_mode="null").decode(),
            provider=VENDOR if data else None,
            data=data,
            cache=read_cache_lifetime(block, where),
        )

    def _parse_result(self, block: dict[str, Any], where: str) -> ToolResultPart:
        call_id = require(block, "tool_use_id", str, where)
        return ToolResultPart(
            call_id=call_id,
            name=self._names.get(call_id, "tool"),
            content=self._parse_result_content(block.get("content"), f"{where}.content"),
            is_error=read(block, "is_error", bool, where) or False,
            cache=read_cache_lifetime(block, where),
        )

    def _parse_result_content(self, content: object, where: str) -> ResultContent:
        if content is None or isinstance(content, str):
            return content or ""
        parts = self._parse_content(content, where, "user")
        kept = tuple(part for part in parts if isinstance(part, TextPart | ImagePart | DocumentPart | VendorPart))
        if len(kept) < len(parts):
            raise reject(f"{where} can contain texts, images and documents.", param=where)
        return kept

    def _reject(self, where: str, reason: str) -> ProblemError:
        return reject_unsupported(where, reason, hint="Use a model of Anthropic, or another form of the content.")


def _parse_text(block: dict[str, Any], where: str) -> TextPart:
    data = _list_others(block, _TEXT_FIELDS)
    return TextPart(
        text=require(block, "text", str, where),
        provider=VENDOR if data else None,
        data=data,
        cache=read_cache_lifetime(block, where),
    )


def _list_others(block: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any] | None:
    """Return the fields that only Anthropic takes, without empty values and the default caller; None without any."""
    return {
        name: value for name, value in block.items() if name not in known and value not in (None, [], _DIRECT)
    } or None


def _split_results(parts: list[Part]) -> Iterator[Message]:
    """Split a message of the user into results of tools and other content, in their order."""
    if not any(isinstance(part, ToolResultPart) for part in parts):
        yield Message(role="user", parts=tuple(parts))
        return
    group: list[Part] = []
    for part in parts:
        if group and isinstance(part, ToolResultPart) is not isinstance(group[-1], ToolResultPart):
            yield _make_message(group)
            group = []
        group.append(part)
    yield _make_message(group)


def _make_message(parts: list[Part]) -> Message:
    return Message(role="tool" if isinstance(parts[0], ToolResultPart) else "user", parts=tuple(parts))
