"""
Read Anthropic's messages from their JSON, independently of the codec.

Tests compare the result with what the codec decodes from the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass
class Reading:
    """
    The content of a reply.
    """

    text: str = ""
    thoughts: list[tuple[str, str | None]] = field(default_factory=list)
    calls: list[tuple[str, str, object]] = field(default_factory=list)
    others: list[dict] = field(default_factory=list)
    finish: str | None = None
    usage: dict = field(default_factory=dict)


def read_message(message):
    """
    Read a complete message.
    """
    reading = Reading(finish=message["stop_reason"], usage=message["usage"])
    for block in message["content"]:
        _read_block(block, reading)
    return reading


def _read_block(block, reading):
    match block["type"]:
        case "text":
            reading.text += block["text"]
        case "thinking":
            reading.thoughts.append((block["thinking"], block.get("signature")))
        case "redacted_thinking":
            reading.thoughts.append(("", block["data"]))
        case "tool_use":
            reading.calls.append((block["id"], block["name"], block["input"]))
        case _:
            reading.others.append(block)


def split_events(body):
    """
    Split a stream into its events.
    """
    lines = body.decode().replace("\r\n", "\n").split("\n")
    return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]


def read_streams(path):
    """
    Split recorded events, one per line, into their streams; each ends with ``message_stop``.
    """
    streams = [b""]
    for line in filter(None, map(str.strip, path.read_text(encoding="utf-8").splitlines())):
        kind = json.loads(line)["type"]
        streams[-1] += f"event: {kind}\ndata: {line}\n\n".encode()
        if kind == "message_stop":
            streams.append(b"")
    return list(filter(None, streams))


def read_stream(events):
    """
    Assemble the message of a stream in the form of a complete reply. A second start replaces the first.
    """
    message, blocks, inputs = {}, {}, {}
    for event in events:
        match event["type"]:
            case "message_start":
                message, inputs = dict(event["message"]), {}
                blocks = dict(enumerate(map(dict, message["content"])))
            case "content_block_start":
                blocks[event["index"]] = dict(event["content_block"])
            case "content_block_delta":
                _apply_delta(blocks[event["index"]], event["delta"], inputs.setdefault(event["index"], []))
            case "message_delta":
                message |= event["delta"] | {name: event[name] for name in event if name == "context_management"}
                message["usage"] = message["usage"] | event["usage"]
    for index, fragments in inputs.items():
        if "".join(fragments):
            blocks[index]["input"] = json.loads("".join(fragments))
    return message | {"content": [blocks[index] for index in sorted(blocks)]}


def _apply_delta(block, delta, fragments):
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "input_json_delta":
            fragments.append(delta["partial_json"])
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
