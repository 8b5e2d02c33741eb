"""
Convert recorded requests of Responses to `ChatRequest`, independently of the codec.

`canonicalize` removes the accepted differences between Budwood and the recorded client, with reasons.
"""

from __future__ import annotations

import base64

from budwood.types import (
    ChatRequest,
    ImagePart,
    Message,
    NamedTool,
    OutputSchema,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
    VendorTool,
)
from tests.contract.naive_requests import read_file

PLAIN = ("temperature", "top_p", "parallel_tool_calls")
"""Parameters with the same name and value in `ChatRequest`."""

TOOL_FIELDS = ("type", "name", "description", "parameters", "strict")

VENDOR_PARAMETERS = {
    "background": "runs the request in the background",
    "context_management": "compaction by the vendor",
    "include": "additional output",
    "moderation": "moderation of the request by the vendor",
    "previous_response_id": "a conversation that the vendor stores",
    "prompt": "a template that the vendor stores",
    "prompt_cache_key": "the cache of the vendor",
    "prompt_cache_options": "options of the cache of the vendor",
    "reasoning": "without the effort: how reasoning is summarized",
    "service_tier": "the price and speed of the request",
    "store": "whether the vendor stores the reply",
    "tool_choice": "if it names a list of tools, or a server-side tool",
    "text": "if it is not a JSON schema",
    "truncation": "truncation by the vendor",
    "user": "the end user",
}
"""Parameters without a field in `ChatRequest`, which users pass as ``extra``."""


def read_request(body, vendor):
    """
    Convert a recorded body.
    """
    tools = body.get("tools") or ()
    reasoning = dict(body.get("reasoning") or {})
    effort = reasoning.pop("effort", None)
    form = (body.get("text") or {}).get("format") or {}
    extra = {name: body[name] for name in VENDOR_PARAMETERS if body.get(name) is not None and name != "tool_choice"}
    extra.pop("reasoning", None)
    if reasoning:
        extra["reasoning"] = reasoning
    if form.get("type") == "json_schema":
        del extra["text"]
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] != "function":
        extra["tool_choice"] = choice  # a list of tools, or a server-side tool
        choice = None
    return ChatRequest(
        model=body["model"],
        messages=_read_messages(body, vendor),
        max_tokens=body.get("max_output_tokens"),
        reasoning_effort=effort,
        tools=tuple(_read_tool(tool) for tool in tools if tool["type"] == "function"),
        vendor_tools=tuple(VendorTool(provider=vendor, data=tool) for tool in tools if tool["type"] != "function"),
        tool_choice=_read_choice(choice),
        output_schema=_read_schema(form) if form.get("type") == "json_schema" else None,
        extra=extra,
        **{name: body[name] for name in PLAIN if body.get(name) is not None},
    )


def _read_tool(tool):
    return ToolDefinition(
        name=tool["name"],
        description=tool.get("description") or "",
        parameters=tool.get("parameters") or {},
        strict=tool.get("strict"),
        extra={name: value for name, value in tool.items() if name not in TOOL_FIELDS},
    )


def _read_choice(choice):
    return NamedTool(name=choice["name"]) if isinstance(choice, dict) else choice


def _read_schema(form):
    return OutputSchema(
        name=form["name"],
        description=form.get("description") or "",
        json_schema=form["schema"],
        strict=form.get("strict"),
    )


def _read_messages(body, vendor):
    recorded_input = body.get("input") or []
    items = [{"role": "user", "content": recorded_input}] if isinstance(recorded_input, str) else recorded_input
    start = (Message.system(body["instructions"]),) if body.get("instructions") is not None else ()
    return (*start, *(_read_item(item, vendor) for item in items))


def _read_item(item, vendor):
    kind = item.get("type", "message")
    rest = {name: value for name, value in item.items() if name not in ("call_id", "name", "arguments")}
    match kind:
        case "message":
            return _read_message(item, vendor)
        case "function_call":
            call = ToolCallPart(
                id=item["call_id"], name=item["name"], arguments=item["arguments"], provider=vendor, data=rest
            )
            return Message(role="assistant", parts=(call,))
        case "function_call_output":
            result = ToolResultPart(call_id=item["call_id"], name="", content=_read_output(item["output"], vendor))
            return Message(role="tool", parts=(result,))
        case "reasoning":
            return Message(role="assistant", parts=(ReasoningPart(text="", provider=vendor, data=item),))
        case _:
            return Message(role="assistant", parts=(VendorPart(provider=vendor, kind=kind, data=item),))


def _read_output(output, vendor):
    return output if isinstance(output, str) else tuple(_read_part(part, {}, vendor) for part in output)


def _read_message(item, vendor):
    content = item["content"]
    content_parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
    head = {name: value for name, value in item.items() if name not in ("type", "role", "content")}
    read = tuple(_read_part(part, head, vendor) for part in content_parts)
    return Message(role=item["role"], parts=read)


def _read_part(part, head, vendor):
    if head:
        data = {name: value for name, value in part.items() if name not in ("type", "text", "refusal")}
        vendor_fields = {"provider": vendor, "data": {**data, "message": head}}
    else:
        vendor_fields = {}
    if part["type"] == "refusal":
        return RefusalPart(text=part["refusal"], **vendor_fields)
    if part["type"] in ("input_text", "output_text") and "prompt_cache_breakpoint" not in part:
        return TextPart(text=part["text"], **vendor_fields)
    if part["type"] == "input_file" and not set(part) - {"type", "file_id", "file_data", "file_url", "filename"}:
        return read_file(part)
    if part["type"] != "input_image" or set(part) - {"type", "image_url", "file_id", "detail"}:
        return VendorPart(provider=vendor, kind=part["type"], data=part)
    if part.get("file_id"):
        return ImagePart(file_id=part["file_id"], detail=part.get("detail"))
    url, detail = part["image_url"], part.get("detail")
    if not url.startswith("data:"):
        return ImagePart(url=url, detail=detail)
    media_type, _, data = url.removeprefix("data:").partition(";base64,")
    return ImagePart(data=base64.b64decode(data), media_type=media_type, detail=detail)


def canonicalize(body):
    """
    Return a body in a form in which equal requests are equal.

    Null is absent. A text is a list of one message. A system message at the beginning is ``instructions``.
    """
    body = remove_nulls(body)
    if body.get("stream") is False:
        del body["stream"]
    if isinstance(body.get("input"), str):
        body["input"] = [{"role": "user", "content": body["input"]}]
    items = [_canonicalize_item(item) for item in body.pop("input", ())]
    if items and items[0].get("role") == "system" and "instructions" not in body:
        body["instructions"] = items.pop(0)["content"]
    if items:
        body["input"] = items
    if not body.get("reasoning", True):
        del body["reasoning"]
    tools = [_canonicalize_tool(tool) for tool in body.pop("tools", ())]
    if tools:
        body["tools"] = sorted(tools, key=lambda tool: tool["type"] != "function")  # Budwood sends functions first
    else:
        body.pop("tool_choice", None)  # it has no effect without tools
    if body.get("text") == {"format": {"type": "text"}}:
        del body["text"]  # the default
    return body


def remove_nulls(value):
    """
    Remove null at any depth.
    """
    if isinstance(value, dict):
        return {name: remove_nulls(inner) for name, inner in value.items() if inner is not None}
    return list(map(remove_nulls, value)) if isinstance(value, list) else value


def _canonicalize_item(item):
    if isinstance(item.get("output"), list):
        return {**item, "output": [_canonicalize_part(part) for part in item["output"]]}
    if "role" not in item or item.get("type") == "additional_tools":
        return item
    item = {name: value for name, value in item.items() if (name, value) != ("type", "message")}
    content = item["content"]
    if isinstance(content, list) and all(_is_plain(part) for part in content) and "id" not in item:
        item["content"] = "".join(part["text"] for part in content)
    elif isinstance(content, list):
        item["content"] = [_canonicalize_part(part) for part in content]
    return item


def _is_plain(part):
    return part["type"] in ("input_text", "output_text") and not set(part) - {"type", "text", "annotations"}


def _canonicalize_part(part):
    """
    Return a content part in which the missing detail of an image is the default.
    """
    return {"detail": "auto", **part} if part["type"] == "input_image" else part


def _canonicalize_tool(tool):
    """
    Return a tool in which a missing ``strict`` is false, as in Chat Completions, and a missing description is empty.
    """
    if tool["type"] != "function":
        return tool
    return {"description": "", "parameters": {}, "strict": False, **tool}
