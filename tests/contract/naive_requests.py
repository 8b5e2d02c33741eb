"""
Convert recorded requests to `ChatRequest` independently of the codec, and compare the encoded request with them.

The accepted differences between Budwood and the recorded client are listed here, with reasons.
"""

from __future__ import annotations

import base64
from typing import get_args

from budwood.types import (
    AudioPart,
    ChatRequest,
    DocumentPart,
    ImagePart,
    Message,
    NamedTool,
    OutputSchema,
    ReasoningEffort,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
)

PLAIN = (
    "temperature",
    "top_p",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "reasoning_effort",
    "parallel_tool_calls",
)
"""Parameters with the same name and value in `ChatRequest`."""

MAX_TOKENS_NAMES = ("max_tokens", "max_completion_tokens")
"""The two names of max_tokens. A rule of the catalog determines the one for a model."""

NOT_SENT = {
    "annotations": "of an assistant message: OpenAI sends them, and ignores them in requests",
    "refusal": "null: there is no refusal",
}
"""Fields of recorded messages that are not sent, with reasons."""


def read_request(body, vendor):
    """
    Convert a recorded body; fields without an equivalent go into ``extra``, as a user would pass them.
    """
    known = {name: body[name] for name in PLAIN if body.get(name) is not None and _is_ours(name, body[name])}
    bound = next((body[name] for name in MAX_TOKENS_NAMES if body.get(name) is not None), None)
    stop = body.get("stop") or ()
    tools, choice = body.get("tools") or (), body.get("tool_choice")
    schema = body.get("response_format") if _is_schema(body) else None
    modelled = {*known, *MAX_TOKENS_NAMES, "model", "messages", "stop", "stream", "stream_options"}
    if _all_functions(tools):
        modelled |= {"tools"}
        if isinstance(choice, dict) and choice["type"] != "function":
            choice = None  # a list of tools, which is passed in `extra`
        else:
            modelled |= {"tool_choice"}
    if schema:
        modelled |= {"response_format"}
    return ChatRequest(
        model=body["model"],
        messages=tuple(_read_message(message, vendor) for message in body["messages"]),
        max_tokens=bound,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        tools=tuple(_read_tool(tool["function"]) for tool in tools) if _all_functions(tools) else (),
        tool_choice=_read_choice(choice) if _all_functions(tools) else None,
        output_schema=_read_schema(schema["json_schema"]) if schema else None,
        extra={name: value for name, value in body.items() if name not in modelled and value is not None},
        **known,
    )


def _is_ours(name, value):
    """
    Return whether Budwood has this value of a parameter; Groq's effort ``default`` is not one.
    """
    return name != "reasoning_effort" or value in get_args(ReasoningEffort)


def _is_schema(body):
    response_format = body.get("response_format") or {}
    return response_format.get("type") == "json_schema" and set(response_format["json_schema"]) <= {
        "name",
        "description",
        "schema",
        "strict",
    }


def _all_functions(tools):
    return all(tool["type"] == "function" for tool in tools)


def _read_tool(function):
    return ToolDefinition(
        name=function["name"],
        description=function.get("description") or "",
        parameters=function.get("parameters") or {},
        strict=function.get("strict"),
    )


def _read_choice(choice):
    return NamedTool(name=choice["function"]["name"]) if isinstance(choice, dict) else choice


def _read_schema(schema):
    return OutputSchema(
        name=schema["name"],
        description=schema.get("description") or "",
        json_schema=schema["schema"],
        strict=schema.get("strict"),
    )


def _read_message(message, vendor):
    content = message.get("content")
    content_parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    if message["role"] == "tool":
        text = "".join(part["text"] for part in content_parts)
        result = ToolResultPart(call_id=message["tool_call_id"], name=message.get("name", ""), content=text)
        return Message(role="tool", parts=(result,))
    calls = [
        ToolCallPart(id=call["id"], name=call["function"]["name"], arguments=call["function"]["arguments"])
        for call in message.get("tool_calls") or ()
    ]
    thoughts = [
        ReasoningPart(text=message[name], provider=vendor, data=name)
        for name in ("reasoning_content", "reasoning")
        if message.get(name)
    ]
    parts = [_read_part(part, vendor) for part in content_parts if part.get("text") != ""]
    return Message(role=message["role"], parts=(*thoughts, *parts, *calls), name=message.get("name"))


def _read_part(part, vendor):
    if part["type"] == "text":
        return TextPart(text=part["text"])
    if part["type"] == "input_audio":
        audio = part["input_audio"]
        return AudioPart(data=base64.b64decode(audio["data"]), media_type=AUDIO_TYPES[audio["format"]])
    if part["type"] == "file" and not set(part["file"]) - {"file_id", "file_data", "filename"}:
        return read_file(part["file"])
    if part["type"] != "image_url":
        return VendorPart(provider=vendor, kind=part["type"], data=part)
    image = _image(part)
    url, detail = image["url"], image.get("detail")
    if not url.startswith("data:"):
        return ImagePart(url=url, detail=detail)
    media_type, _, data = url.removeprefix("data:").partition(";base64,")
    return ImagePart(data=base64.b64decode(data), media_type=media_type, detail=detail)


AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}


def read_file(file):
    """
    Return a file of a content part as a document: by its id, by its URL, or with its content.
    """
    if file.get("file_id"):
        return DocumentPart(file_id=file["file_id"])
    if file.get("file_url"):
        return DocumentPart(url=file["file_url"])
    media_type, _, data = file["file_data"].removeprefix("data:").partition(";base64,")
    return DocumentPart(data=base64.b64decode(data), media_type=media_type, name=file.get("filename"))


def _image(part):
    """
    Return the image of a content part; some clients send only the URL.
    """
    return {"url": part["image_url"]} if isinstance(part["image_url"], str) else part["image_url"]


def canonicalize(body):
    """
    Return a body in a form in which equal requests are equal.

    Null is absent; both names of max_tokens are the same; one stop sequence is a list of one; usage is always
    requested.
    """
    body = {name: value for name, value in body.items() if value is not None and name != "stream_options"}
    body = {name: value for name, value in body.items() if (name, value) != ("stream", False)}
    for name in MAX_TOKENS_NAMES:
        if name in body:
            body["bound"] = body.pop(name)
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]
    body["messages"] = [_canonicalize_message(message) for message in body["messages"]]
    for name in ("stop", "tools"):
        if body.get(name) == []:
            del body[name]
    if "tools" in body:
        body["tools"] = [_canonicalize_tool(tool) for tool in body["tools"]]
    else:
        body.pop("tool_choice", None)  # it has no effect without tools
    return body


def _canonicalize_message(message):
    message = {name: value for name, value in message.items() if name not in NOT_SENT and value is not None}
    content = message.get("content")
    if isinstance(content, list) and all(part["type"] == "text" for part in content):
        message["content"] = "".join(part["text"] for part in content)
    elif isinstance(content, list):
        message["content"] = [
            part | {"image_url": _image(part)} if part["type"] == "image_url" else part for part in content
        ]
    if message["role"] == "assistant" and not message.get("content"):
        message.pop("content", None)  # null, empty and absent are equivalent with tool calls
    if message["role"] == "tool":
        message.pop("name", None)  # not in OpenAI's API description; the id of the call determines the tool
    if "tool_calls" in message:
        message["tool_calls"] = [
            {name: value for name, value in call.items() if name != "index"} for call in message["tool_calls"]
        ]
    return message


def _canonicalize_tool(tool):
    """
    Return a tool in which a missing description is empty, and missing parameters are an empty schema.
    """
    if tool["type"] != "function":
        return tool
    function = {"description": "", "parameters": {}, **tool["function"]}
    return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}
