"""
Read replies of Chat Completions from their JSON, independently of the codec.

Tests compare the result with what the codec decodes from the same bytes.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field


@dataclass
class Reading:
    """
    The content of one choice.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    audio: bytes = b""
    transcript: str = ""
    finish: str | None = None


def read_reply(body):
    """
    Read the choices of a complete reply.
    """
    return [_read_choice(choice) for choice in body["choices"]]


def _read_choice(choice):
    message = choice.get("message") or {}  # Azure omits it if the filter blocked the reply
    calls = message.get("tool_calls") or []
    legacy = [{"function": message["function_call"]}] if message.get("function_call") else []
    audio = message.get("audio") or {}
    return Reading(
        audio=base64.b64decode(audio.get("data") or ""),
        transcript=audio.get("transcript") or "",
        text=message.get("content") or "",
        reasoning=message.get("reasoning_content") or message.get("reasoning") or "",
        refusal=message.get("refusal") or "",
        calls=[_read_call(call) for call in [*calls, *legacy]],
        finish=choice.get("finish_reason"),
    )


GENERATED_ID = "an id that the server did not send"


def _read_call(call):
    """
    Read a call of a function, or of a custom tool with a text as input.
    """
    if call.get("type") == "custom":
        return call["id"], call["custom"]["name"], call["custom"]["input"]
    return call.get("id", GENERATED_ID), call["function"]["name"], call["function"]["arguments"]


def split_chunks(body):
    """
    Split a stream into its chunks.
    """
    lines = body.decode().replace("\r\n", "\n").split("\n")
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    return [json.loads(line) for line in data if line != "[DONE]"]


def read_stream(chunks):
    """
    Read the choices of a stream.
    """
    readings = {}
    calls = {}
    for chunk in chunks:
        for choice in chunk.get("choices") or []:
            number = choice.get("index", 0)
            reading = readings.setdefault(number, Reading())
            delta = choice.get("delta") or {}
            reading.text += delta.get("content") or ""
            reading.reasoning += delta.get("reasoning_content") or delta.get("reasoning") or ""
            reading.refusal += delta.get("refusal") or ""
            reading.finish = choice.get("finish_reason") or reading.finish
            audio = delta.get("audio") or {}
            reading.audio += base64.b64decode(audio.get("data") or "")
            reading.transcript += audio.get("transcript") or ""
            for call in delta.get("tool_calls") or []:
                fields = calls.setdefault((number, call["index"]), ["", "", ""])
                fields[0] = fields[0] or call.get("id") or ""
                fields[1] = fields[1] or call["function"].get("name") or ""
                fields[2] += call["function"].get("arguments") or ""
    for (number, _), fields in sorted(calls.items()):
        readings[number].calls.append(tuple(fields))
    return [readings[number] for number in sorted(readings)]


def list_other_content(chunks):
    """
    Return the content of chunks that `read_stream` does not read, for the first choice.
    """
    fragments = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls")
    for chunk in chunks:
        # The reply has the id of the first chunk; Groq's compound systems send another with each chunk.
        yield {name: value for name, value in chunk.items() if name not in ("choices", "id")}
        for choice in chunk.get("choices") or []:
            delta = choice.get("delta") or {}
            yield {name: value for name, value in delta.items() if name not in (*fragments, "audio")}
            yield {name: value for name, value in (delta.get("audio") or {}).items() if name in ("id", "expires_at")}
            yield {name: value for name, value in choice.items() if name != "delta" and choice.get("index", 0) == 0}


def find_error(body):
    """
    Return the error in a stream, if there is one.
    """
    chunks = split_chunks(body) if body.lstrip().startswith((b"data:", b"event:")) else []
    return next((chunk["error"] for chunk in chunks if chunk.get("error")), None)


def find_last_usage(chunks):
    """
    Return the last usage in a stream; Groq sends it in ``x_groq``.
    """
    recorded = [chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") for chunk in chunks]
    return next((usage for usage in reversed(recorded) if usage), None)


def list_leaves(value):
    """
    Return every text and number in a JSON value.
    """
    if isinstance(value, dict):
        return {leaf for inner in value.values() for leaf in list_leaves(inner)}
    if isinstance(value, list | tuple):
        return {leaf for inner in value for leaf in list_leaves(inner)}
    return set() if value is None or value is True or value is False or value == "" else {value}


def remove_fields(value, *names):
    """
    Remove fields at any depth.
    """
    if isinstance(value, dict):
        return {name: remove_fields(inner, *names) for name, inner in value.items() if name not in names}
    if isinstance(value, list):
        return [remove_fields(inner, *names) for inner in value]
    return value
