"""
Parse requests of the Responses API into calls of Budwood.

Source: OpenAI's API description, ``CreateResponse``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from budwood.types import Message, TextPart, VendorPart
from budwood_server.formats.openai.foreign_fields import TAG_FIELDS
from budwood_server.formats.openai.responses_input import InputParser, LeaveOut
from budwood_server.formats.openai.responses_items import is_own_id
from budwood_server.formats.openai.responses_tools import list_custom_tools, translate_choice, translate_tools
from budwood_server.formats.schemas import check_patterns
from budwood_server.formats.vendor_data import FIELD, decode_vendor_data
from budwood_server.web.problems import reject, reject_unsupported

_OWN_FIELDS: Final = frozenset({"stream", "background", "store", "previous_response_id"})
"""Fields that decide what this server does, and that are not parameters of a model."""

_SAME: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "parallel_tool_calls": "parallel_tool_calls",
    "prompt_cache_key": "conversation",
}
"""Fields that are options of Budwood, by name."""

_NEUTRAL: Final[Mapping[str, tuple[object, ...]]] = {
    "truncation": ("disabled",),
    "service_tier": ("auto", "default"),
    "top_logprobs": (0,),
    "include": ([],),
    "max_tool_calls": (),
    "stream_options": ({}, {"include_obfuscation": False}, {"include_obfuscation": True}),
}
"""Values that say what would happen anyway."""

_LIMIT: Final = "max_output_tokens"
_ENCRYPTED: Final = "reasoning.encrypted_content"
_CONTENT: Final = ("prompt", "conversation")
"""Fields with content of the vendor, without which the request would be another one."""


@dataclass(kw_only=True)
class ResponsesCall:
    """
    A request as a call of Budwood.

    Attributes:
        messages: The messages.
        options: The options of the call besides the model.
        custom_tools: The names of tools that are custom ones for the client, and functions for the vendor.
        forwards: Whether the vendor gets the fields of the request unchanged.
    """

    messages: list[Message | dict[str, Any]]
    options: dict[str, Any] = field(default_factory=dict)
    custom_tools: frozenset[str] = frozenset()
    forwards: bool = False


def forward_request(body: Mapping[str, Any]) -> ResponsesCall:
    """
    Return the call to a vendor with the same API, which gets every field as it is.

    Args:
        body: The body without the model.

    Raises:
        ProblemError: The input is neither a text nor a list.
    """
    extra = {name: value for name, value in body.items() if name != "stream"}
    if extra.get("input") is not None and not isinstance(extra["input"], str | list):
        raise reject("The field 'input' must be a text or a list of items.", param="input")
    if extra.get(_LIMIT, 0) is None:  # as if it were absent
        del extra[_LIMIT]
    if isinstance(extra.get("input"), list):
        extra["input"] = [kept for item in extra["input"] if (kept := _restore_item(item)) is not None]
    options: dict[str, Any] = {"extra": extra, "execute_tools": False}
    limit = body.get(_LIMIT)
    if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
        options["max_tokens"] = limit  # for budgets, which reserve the cost of the longest reply
    return ResponsesCall(messages=[*_outline(body)], options=options, forwards=True)


def translate_request(body: Mapping[str, Any], leave_out: LeaveOut) -> ResponsesCall:
    """
    Return the call to a vendor without this API.

    Args:
        body: The body without the model.
        leave_out: Leaves out fields that cannot be translated.

    Raises:
        ProblemError: A field is not valid, or cannot be translated.
    """
    fields = {
        name: value for name, value in body.items() if value is not None and name not in _OWN_FIELDS.union(TAG_FIELDS)
    }
    for name in _CONTENT:
        if name in fields:
            raise reject_unsupported(name, "only vendors with the Responses API have it")
    parser = InputParser(leave_out)
    _add_instructions(fields.pop("instructions", None), parser)
    parser.add(fields.pop("input", None))
    options: dict[str, Any] = {"execute_tools": False}
    for name in _SAME.keys() & fields.keys():
        options[_SAME[name]] = fields.pop(name)
    custom = _add_tools(fields, options)
    _add_limit(fields.pop("max_output_tokens", None), options)
    _add_text(fields.pop("text", None), options, leave_out)
    _add_reasoning(fields.pop("reasoning", None), options, leave_out)
    _add_include(fields, leave_out)
    for name, value in fields.items():
        if value not in _NEUTRAL.get(name, ()):
            leave_out(name, "it cannot be translated for this model")
    return ResponsesCall(messages=parser.messages, options=options, custom_tools=custom)


def _add_instructions(instructions: object, parser: InputParser) -> None:
    if isinstance(instructions, str):
        if instructions:
            parser.messages.append(Message.system(instructions))
    elif instructions is not None:
        parser.add(instructions, "instructions")


def _add_tools(fields: dict[str, Any], options: dict[str, Any]) -> frozenset[str]:
    tools, choice = fields.pop("tools", None), fields.pop("tool_choice", None)
    if tools:
        options["tools"] = translate_tools(tools)
    if choice is not None and (tools or not isinstance(choice, str)):
        translate_choice(choice, options)
    return list_custom_tools(tools)


def _add_limit(limit: object, options: dict[str, Any]) -> None:
    if limit is None:
        return
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise reject("The field 'max_output_tokens' must be a number of 1 or more.", param="max_output_tokens")
    options["max_tokens"] = limit


def _add_text(text: object, options: dict[str, Any], leave_out: LeaveOut) -> None:
    if text is None:
        return
    if not isinstance(text, Mapping):
        raise reject("The field 'text' must be an object.", param="text")
    match text.get("format"):
        case None | {"type": "text"}:
            pass
        case {"type": "json_schema", "schema": dict(schema)}:
            options["schema"] = check_patterns(schema, "text.format.schema")
        case {"type": "json_object"}:
            options["schema"] = dict
        case {"type": "json_schema"}:
            raise reject("The field 'text.format.schema' must be a JSON schema.", param="text.format.schema")
        case _:
            raise reject_unsupported("text.format", "known are text, json_schema and json_object")
    if text.get("verbosity") not in (None, "medium"):
        leave_out("text.verbosity", "it cannot be translated for this model")


def _add_reasoning(reasoning: object, options: dict[str, Any], leave_out: LeaveOut) -> None:
    """Set the effort. A summary needs no option: what the vendor returns of the reasoning is the summary."""
    if reasoning is None:
        return
    if not isinstance(reasoning, Mapping):
        raise reject("The field 'reasoning' must be an object.", param="reasoning")
    if reasoning.get("effort") is not None:
        options["reasoning_effort"] = reasoning["effort"]
    for name, value in reasoning.items():
        if value is not None and name not in ("effort", "summary", "generate_summary"):
            leave_out(f"reasoning.{name}", "it cannot be translated for this model")


def _add_include(fields: dict[str, Any], leave_out: LeaveOut) -> None:
    include = fields.pop("include", None) or ()
    for number, name in enumerate(include):
        if name != _ENCRYPTED:
            leave_out(f"include[{number}]", f"no vendor without the Responses API has {name!r}")


def _restore_item(item: Any) -> Any:  # noqa: ANN401 - any JSON
    """
    Return an item as the vendor knows it: without what this server has added.

    None for reasoning of a vendor with another API, which this one cannot read.
    """
    if not isinstance(item, Mapping):
        return item
    if item.get("type") == "reasoning" and decode_vendor_data(item.get("encrypted_content")) is not None:
        return None
    restored = {name: value for name, value in item.items() if name != FIELD}
    if is_own_id(restored.get("id")):
        del restored["id"]
    content = restored.get("content")
    if isinstance(content, list):
        restored["content"] = [_without_data(part) for part in content]
    return restored


def _without_data(part: Any) -> Any:  # noqa: ANN401 - any JSON
    return {name: value for name, value in part.items() if name != FIELD} if isinstance(part, Mapping) else part


def _outline(body: Mapping[str, Any]) -> list[Message]:
    """
    Return the texts of a request as messages, by which Budwood estimates its tokens and which observers see.

    The vendor gets ``input`` in their place.
    """
    messages: list[Message] = []
    if isinstance(body.get("instructions"), str) and body["instructions"]:
        messages.append(Message.system(body["instructions"]))
    given = body.get("input")
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given or ():
        if isinstance(item, Mapping) and (texts := [*_list_texts(item)]):
            is_reply = item.get("role") == "assistant" or "arguments" in item
            parts = tuple(TextPart(text=text) for text in texts)
            messages.append(Message(role="assistant" if is_reply else "user", parts=parts))
    if all(message.role == "system" or not message.text.strip() for message in messages):
        # The input is media, or a template or the conversation of the vendor has the prompt.
        messages.append(Message(role="assistant", parts=(VendorPart(provider="", kind="none", data=None),)))
    return messages


def _list_texts(item: Mapping[str, Any]) -> list[str]:
    """Return the texts of an item: of a message, of a call, or of what a tool returned."""
    texts: list[str] = []
    for name in ("content", "output", "arguments", "input"):
        value = item.get(name)
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, list):
            found = (part.get("text") for part in value if isinstance(part, Mapping))
            texts.extend(text for text in found if isinstance(text, str))
    return texts
