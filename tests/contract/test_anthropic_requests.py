from __future__ import annotations

import base64
import json

import pytest
from pydantic import ValidationError

from budwood.types import (
    ChatRequest,
    DocumentPart,
    ImagePart,
    Message,
    NamedTool,
    OutputSchema,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
    VendorTool,
)
from tests.contract import recorded
from tests.contract.ledger import REJECTED_BY_BOTH
from tests.contract.test_anthropic_messages import is_message

VENDOR = "anthropic"

EXTRA_FIELDS = {
    "container": "refers to a container at the vendor; other vendors have none",
    "output_config": "an effort without thinking; `reasoning_effort` turns thinking on",
    "thinking.display": "how much thinking is returned; sent with `thinking` itself",
    "thinking": "adaptive without an effort; `ChatRequest` turns thinking on by an effort",
}
"""Fields that users pass in ``extra``, with reasons."""

DIFFERENCES = {
    "a single text": "as a string or as a list of one block, which are equivalent",
    "content of a tool's result": "the same difference",
    "consecutive user messages": "the API joins them",
    "output_format": "the older name of output_config.format, with a beta header",
    "tools": "vendor tools follow functions; a function does not require a `type`",
    "media_type": "that of the content, which the API compares; recorded clients stated others",
    "blank texts": "omitted: the API rejects most of them",
    "null, false and empty": "equivalent to a missing field",
}
"""The accepted differences between Budwood's bodies and the recorded ones."""


def is_token_count(entry):
    """
    Return whether an exchange is a token count, with any status.
    """
    return recorded.ends_with(entry["url"], "/v1/messages/count_tokens")


def read_request(body):
    """
    Convert a recorded body to a request, independently of the codec.
    """
    tools, choice = body.get("tools") or (), body.get("tool_choice") or {}
    schema = (body.get("output_config") or {}).get("format") or body.get("output_format")
    thinking, effort = body.get("thinking") or {}, (body.get("output_config") or {}).get("effort")
    extra = {"container": body["container"]} if "container" in body else {}
    if effort and not thinking:
        extra["output_config"] = {"effort": effort}
    if thinking.get("type") == "adaptive" and (not effort or "display" in thinking):
        extra["thinking"] = thinking
    return ChatRequest(
        model=body["model"],
        messages=(*_read_system(body.get("system")), *map(_read_message, body["messages"])),
        max_tokens=body.get("max_tokens"),
        temperature=body.get("temperature"),
        stop=tuple(body.get("stop_sequences") or ()),
        tools=tuple(_read_tool(tool) for tool in tools if "input_schema" in tool),
        vendor_tools=tuple(VendorTool(provider=VENDOR, data=tool) for tool in tools if "input_schema" not in tool),
        tool_choice=_read_choice(choice),
        parallel_tool_calls=False if choice.get("disable_parallel_tool_use") else None,
        reasoning_budget=thinking.get("budget_tokens"),
        reasoning_effort=effort if thinking else None,
        output_schema=OutputSchema(json_schema=schema["schema"]) if schema else None,
        prompt_cache=_read_mark(body),
        extra=extra,
    )


def _read_mark(block):
    mark = block.get("cache_control")
    return mark.get("ttl", "default") if mark else None


def _read_choice(choice):
    kind = choice.get("type")
    return NamedTool(name=choice["name"]) if kind == "tool" else {"any": "required"}.get(kind, kind)


def _read_tool(tool):
    known = ("name", "description", "input_schema", "strict", "cache_control", "type")
    return ToolDefinition(
        name=tool["name"],
        description=tool.get("description") or "",
        parameters=tool["input_schema"],
        strict=tool.get("strict"),
        cache=_read_mark(tool),
        extra={name: value for name, value in tool.items() if name not in known},
    )


def _read_system(system):
    return [Message(role="system", parts=tuple(_read_blocks(system)))] if system else []


def _read_message(message):
    parts = tuple(_read_blocks(message["content"]))
    role = "tool" if any(isinstance(part, ToolResultPart) for part in parts) else message["role"]
    return Message(role=role, parts=parts)


def _read_blocks(content):
    return map(_read_block, [{"type": "text", "text": content}] if isinstance(content, str) else content)


def _read_block(block):
    cache = _read_mark(block)
    match block["type"]:
        case "text":
            data = {"citations": block["citations"]} if block.get("citations") else None
            return TextPart(text=block["text"], cache=cache, data=data, provider=VENDOR if data else None)
        case "thinking":
            return ReasoningPart(text=block["thinking"], provider=VENDOR, data={"signature": block["signature"]})
        case "tool_use":
            arguments = json.dumps(block["input"])
            return ToolCallPart(id=block["id"], name=block["name"], arguments=arguments, cache=cache)
        case "tool_result" if (content := _only_text(block["content"])) is not None:
            failed = block.get("is_error", False)
            return ToolResultPart(call_id=block["tool_use_id"], name="", content=content, is_error=failed, cache=cache)
        case "tool_result" if isinstance(block["content"], list) and {"image", "document"} >= {
            inner["type"] for inner in block["content"] if inner["type"] != "text"
        }:
            content = tuple(_read_blocks(block["content"]))
            return ToolResultPart(call_id=block["tool_use_id"], name="", content=content, cache=cache)
        case "image" | "document" if block["source"]["type"] != "content":
            return _read_media(block, cache)
    return VendorPart(provider=VENDOR, kind=block["type"], data=block)


def _read_media(block, cache):
    source, kind = block["source"], {"image": ImagePart, "document": DocumentPart}[block["type"]]
    extra = {name: value for name, value in block.items() if name not in ("type", "source", "title", "cache_control")}
    match source["type"]:
        case "base64":
            fields = {"data": base64.b64decode(source["data"]), "media_type": source["media_type"]}
        case "text":
            fields = {"data": source["data"].encode(), "media_type": source["media_type"]}
        case form:
            fields = {{"url": "url", "file": "file_id"}[form]: source[{"url": "url", "file": "file_id"}[form]]}
    vendor = {"provider": VENDOR, "vendor_data": extra} if extra else {}
    return kind(name=block.get("title"), cache=cache, **fields, **vendor)


def _only_text(content):
    if isinstance(content, str):
        return content
    is_text = len(content) == 1 and set(content[0]) == {"type", "text"}
    return content[0]["text"] if is_text else None


def canonicalize(body):
    """
    Convert a body to a form in which equivalent requests are equal; see `DIFFERENCES`.
    """
    body = _remove_nulls(body)
    body.pop("stream", None)
    for name in ("tools", "stop_sequences", "system"):
        if body.get(name) == []:
            del body[name]
    if "output_format" in body:
        body["output_config"] = {**body.get("output_config", {}), "format": body.pop("output_format")}
    if "tools" in body:
        tools = [
            {name: tool[name] for name in tool if (name, tool[name]) not in (("type", "custom"), ("description", ""))}
            for tool in body["tools"]
        ]
        body["tools"] = sorted(tools, key=lambda tool: "input_schema" not in tool)
    if "system" in body:
        body["system"] = _as_list(body["system"])
    turns = []
    for message in body["messages"]:
        blocks = [_canonicalize_block(block) for block in _as_list(message["content"]) if not _is_blank(block)]
        if turns and turns[-1][0] == message["role"] == "user":
            turns[-1][1].extend(blocks)
        else:
            turns.append((message["role"], blocks))
    return body | {"messages": turns}


def _remove_nulls(value):
    if isinstance(value, dict):
        return {name: _remove_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_remove_nulls(inner) for inner in value] if isinstance(value, list) else value


def _is_blank(block):
    return block["type"] == "text" and not block["text"].strip()


def _as_list(content):
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _canonicalize_block(block):
    if block["type"] in ("image", "document") and block["source"]["type"] == "base64":
        return block | {"source": {name: block["source"][name] for name in ("type", "data")}}
    if block["type"] == "tool_result":
        content = {"content": [*map(_canonicalize_block, _as_list(block.get("content", "")))]}
        return {name: value for name, value in block.items() if (name, value) != ("is_error", False)} | content
    return {name: value for name, value in block.items() if (name, value) != ("citations", [])}


@pytest.mark.parametrize("file", recorded.list_files(is_message))
def test_recorded_requests(ledger, claude, file):
    """
    A converted request is encoded as recorded, except for `DIFFERENCES`.
    """
    for one in recorded.select_exchanges(file, is_message):
        payload = one.request.json()
        try:
            request = read_request(payload)
        except (ValidationError, TypeError):
            assert one.response.status == 400
            ledger.record_inexpressible(one, REJECTED_BY_BOTH)
            continue
        call = claude.encode(request, stream=bool(payload.get("stream")))
        assert call.adaptations == ()  # the vendor accepted the recorded request
        assert canonicalize(json.loads(call.body)) == canonicalize(payload)
        assert json.loads(call.body).get("stream", False) == payload.get("stream", False)
        ledger.record_encoded(one, extra=request.extra)


@pytest.mark.parametrize("file", recorded.list_files(is_token_count))
def test_recorded_token_count_requests(ledger, claude, file):
    """
    A converted request for a token count is encoded as recorded.
    """
    for one in recorded.select_exchanges(file, is_token_count):
        payload = one.request.json()
        request = read_request(payload)
        call = claude.encode_token_count(request)
        assert call.url == one.request.url.partition("?")[0]
        assert canonicalize(json.loads(call.body)) == canonicalize(payload)
        ledger.record_encoded(one, extra=request.extra)
