"""A server on loopback with Anthropic's Messages API, which reasons with a signature and calls a tool."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.chat_server import Body, ChatServer, Handler

THINKING = {"type": "thinking", "thinking": "The user asks for the weather.", "signature": "EqQBCkYIARgC"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
USAGE = {"input_tokens": 12, "output_tokens": 30, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2}


class Claude(ChatServer):
    """
    Reasons and calls the tool ``weather`` once; after its result, answers with a text.
    """

    def listen(self, handler, port=0):
        super().listen(ClaudeHandler, port)

    @property
    def settings(self) -> Body:
        return {"providers": {"anthropic": {"base_url": f"{self.origin}/v1", "api_key": "sk-ant-test"}}}


class ClaudeHandler(Handler):
    def do_POST(self):  # noqa: N802 - http.server calls it by this name
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        first = self.server.owner.received(body) == 1
        blocks = [THINKING, CALL] if first else [{"type": "text", "text": "It is sunny."}]
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": blocks,
            "stop_reason": "tool_use" if first else "end_turn",
            "stop_sequence": None,
            "usage": USAGE,
        }
        if body.get("stream"):
            data = b"".join(encode_events(message))
            self.send_head(200, len(data), {"content-type": "text/event-stream"})
            self.wfile.write(data)
        else:
            self.send(200, message)


def encode_events(message: Body) -> Iterator[bytes]:
    """
    Yield the events of a streamed message.
    """
    yield encode("message_start", message={**message, "content": [], "stop_reason": None})
    for index, block in enumerate(message["content"]):
        empty = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}, "tool_use": {"input": {}}}
        yield encode("content_block_start", index=index, content_block={**block, **empty[block["type"]]})
        for delta in split(block):
            yield encode("content_block_delta", index=index, delta=delta)
        yield encode("content_block_stop", index=index)
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield encode("message_delta", delta=delta, usage=message["usage"])
    yield encode("message_stop")


def split(block: Body) -> Iterator[Body]:
    """
    Yield the deltas of a block.
    """
    match block["type"]:
        case "thinking":
            half = len(block["thinking"]) // 2
            yield {"type": "thinking_delta", "thinking": block["thinking"][:half]}
            yield {"type": "thinking_delta", "thinking": block["thinking"][half:]}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "text":
            yield {"type": "text_delta", "text": block["text"]}
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}


def encode(kind: str, **fields: object) -> bytes:
    """
    Return one event.
    """
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
