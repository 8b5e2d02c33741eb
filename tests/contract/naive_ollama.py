"""
Read Ollama's recorded requests and replies from their JSON, independently of the codec.

The accepted differences between Budwood's requests and the recorded ones are listed here, with reasons.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

from budwood.types import (
    ChatRequest,
    ImagePart,
    Message,
    OutputSchema,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)

OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "num_predict": "max_tokens",
    "stop": "stop",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
"""Budwood's names of parameters by Ollama's."""

EMPTY_VALUES = {
    "format": ("", "no format, as clients of 2024 sent it"),
    "tools": ([], "no tools"),
    "options": ({}, "no options"),
}
"""Values that are equivalent to a missing field, with reasons."""


@dataclass
class Reading:
    """
    The content of a reply.
    """

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    finish: str | None = None
    last: dict[str, object] = field(default_factory=dict)


def read_reply(lines):
    """
    Read a reply of one line or of many.
    """
    reading = Reading()
    for line in lines:
        message = line.get("message") or {}
        reading.text += message.get("content") or ""
        reading.reasoning += message.get("thinking") or ""
        for call in message.get("tool_calls") or []:
            number = f"call_{len(reading.calls)}"
            reading.calls.append((call.get("id", number), call["function"]["name"], call["function"]["arguments"]))
        if line.get("done"):
            reading.finish = line.get("done_reason")
            reading.last = line
    return reading


def split_lines(body):
    """
    Split a body into its JSON objects.
    """
    return [json.loads(line) for line in body.decode().splitlines() if line]


def read_request(body):
    """
    Convert a recorded body to a request; fields without an equivalent parameter go into ``extra``.
    """
    recorded = canonicalize(body)
    options = dict(recorded.pop("options", {}))
    known = {parameter: options.pop(name) for name, parameter in OPTIONS.items() if name in options}
    schema = recorded.get("format")
    if isinstance(schema, dict):
        known["output_schema"] = OutputSchema(json_schema=recorded.pop("format"))
    if isinstance(recorded.get("think"), str):
        known["reasoning_effort"] = recorded.pop("think")
    elif recorded.get("think") is False:
        known["reasoning_effort"] = "none"
        del recorded["think"]
    return ChatRequest(
        model=recorded.pop("model"),
        messages=tuple(_read_message(message) for message in recorded.pop("messages")),
        tools=tuple(_read_tool(tool["function"]) for tool in recorded.pop("tools", ())),
        extra={name: value for name, value in recorded.items() if name != "stream"}
        | ({"options": options} if options else {}),
        **known,
    )


def _read_tool(function):
    return ToolDefinition(
        name=function["name"], description=function.get("description", ""), parameters=function["parameters"]
    )


def _read_message(message):
    if message["role"] == "tool":
        result = ToolResultPart(
            call_id=message.get("tool_call_id", ""), name=message["tool_name"], content=message["content"]
        )
        return Message(role="tool", parts=(result,))
    thought = [ReasoningPart(text=message["thinking"])] if message.get("thinking") else []
    images = [ImagePart(data=base64.b64decode(image)) for image in message.get("images", ())]
    calls = [
        ToolCallPart(
            id=call.get("id", ""), name=call["function"]["name"], arguments=json.dumps(call["function"]["arguments"])
        )
        for call in message.get("tool_calls", ())
    ]
    return Message(role=message["role"], parts=(*thought, TextPart(text=message["content"]), *images, *calls))


def canonicalize(body):
    """
    Convert a body to a form in which equivalent requests are equal, without null and empty values.
    """
    return {
        name: value
        for name, value in body.items()
        if value is not None and (name not in EMPTY_VALUES or value != EMPTY_VALUES[name][0])
    }
