"""
Read replies of Responses from their JSON, independently of the codec.

Tests compare the result with what the codec decodes from the same bytes.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

ECHOES = (
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "max_tool_calls",
    "temperature",
    "top_p",
    "top_logprobs",
    "frequency_penalty",
    "presence_penalty",
    "text",
    "truncation",
    "store",
    "user",
    "safety_identifier",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
)
"""Fields of a reply that repeat the request."""

NOT_COMPARED = ("object", "created_at", "type", "role")
"""Fields that are not compared: types and times."""

FINISH = {"completed": "stop", "complete": "stop", "max_output_tokens": "length", "content_filter": "content_filter"}


@dataclass
class Reading:
    """
    The content of a reply.
    """

    text: str = ""
    refusal: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    reasoning: list[dict] = field(default_factory=list)
    others: list[dict] = field(default_factory=list)
    finish: str | None = None


def read_items(items):
    """
    Read the items of a reply.
    """
    reading = Reading()
    for item in items:
        match item["type"]:
            case "message":
                reading.text += "".join(piece.get("text", "") for piece in item["content"])
                reading.refusal += "".join(piece.get("refusal", "") for piece in item["content"])
            case "function_call":
                reading.calls.append((item["call_id"], item["name"], item["arguments"]))
            case "custom_tool_call":
                reading.calls.append((item["call_id"], item["name"], item["input"]))
            case "reasoning":
                reading.reasoning.append(item)
            case "image_generation_call":
                # The images of some recordings were shortened by characters that are not base64.
                reading.others.append({**item, "result": normalize_base64(item["result"])})
            case _:
                reading.others.append(item)
    return reading


def normalize_base64(content):
    """
    Decode and encode base64, without other characters.
    """
    return base64.b64encode(base64.b64decode(content)).decode()


def read_reply(body):
    """
    Read a complete reply.
    """
    reading = read_items(body["output"])
    reading.finish = (body.get("incomplete_details") or {}).get("reason") or body["status"]
    return reading


def read_stream(events):
    """
    Read a stream: the completed items, and the final response.
    """
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    last = events[-1]["response"]
    done = {event["output_index"] for event in events if event["type"] == "response.output_item.done"}
    known = {item.get("id") for item in items} - {None}
    items += [  # items without an end
        item for number, item in enumerate(last["output"]) if number not in done and item.get("id") not in known
    ]
    reading = read_items(items)
    reading.finish = (last.get("incomplete_details") or {}).get("reason") or last["status"]
    return reading, items, last


def join_deltas(events, kind):
    """
    Join the deltas of a stream, of ``output_text`` or of ``refusal``.
    """
    return "".join(event["delta"] for event in events if event["type"] == f"response.{kind}.delta")


def read_streams(lines):
    """
    Split lines of events into streams, which start with ``response.created``.
    """
    streams = []
    for line in filter(None, lines):
        if b'"type":"response.created"' in line.replace(b" ", b""):
            streams.append([])
        streams[-1].append(line)
    return streams


def expected_finish(reading):
    """
    Return the expected finish reason.
    """
    word = FINISH.get(reading.finish, "other")
    if word != "stop":
        return word
    if reading.calls:
        return "tool_calls"
    return "refusal" if reading.refusal else "stop"
