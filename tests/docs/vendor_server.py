"""A server that answers in place of OpenAI, for the pages whose examples name one of its models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.background_server import BackgroundServer

Body = dict[str, Any]
TEXT = "Grafting joins two plants."
VALUE = '{"name": "Ada", "age": 36, "city": "London"}'
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}


class VendorServer(BackgroundServer):
    """
    Answers chats, also streamed, and embeddings.

    A chat with a schema gets a person, and one with tools the call of a tool, once. Every other chat gets a sentence.
    """

    def __init__(self):
        self.listen(Handler)

    def complete(self, body: Body) -> Body:
        """Return the reply to a chat; streams consist of its parts."""
        return completion(body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body are sent together

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/embeddings"):
            self.send_json(embeddings(body))
            return
        reply = self.server.owner.complete(body)
        if body.get("stream"):
            self.send_data("text/event-stream", b"".join(events(reply)))
        else:
            self.send_json(reply)

    def send_json(self, body: Body):
        self.send_data("application/json", json.dumps(body).encode())

    def send_data(self, media_type: str, data: bytes):
        self.send_response(200)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


def completion(body: Body) -> Body:
    """Return the reply to a chat."""
    message, reason = {"role": "assistant", "content": TEXT}, "stop"
    if "response_format" in body:
        message["content"] = VALUE
    elif "tools" in body and body["messages"][-1]["role"] == "user":
        message, reason = {"role": "assistant", "content": None, "tool_calls": [CALL]}, "tool_calls"
    choice = {"index": 0, "message": message, "finish_reason": reason}
    usage = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
    head = {"id": "chat-1", "object": "chat.completion", "created": 1_700_000_000, "model": body["model"]}
    return head | {"choices": [choice], "usage": usage}


def events(reply: Body) -> Iterator[bytes]:
    """Yield the events of a streamed reply."""
    choice = reply["choices"][0]
    message = choice["message"]
    calls = [{"index": place, **call} for place, call in enumerate(message.pop("tool_calls", []))]
    words = [{"content": f"{word} "} for word in (message["content"] or "").split()]
    for delta in [{"role": "assistant"}, *words, *([{"tool_calls": calls}] if calls else [])]:
        yield event(reply, [{"index": 0, "delta": delta, "finish_reason": None}])
    yield event(reply, [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}])
    yield event(reply, [], usage=reply["usage"])
    yield b"data: [DONE]\n\n"


def event(reply: Body, choices: list[Body], **fields: Any) -> bytes:
    """Return one event of a stream."""
    head = {name: reply[name] for name in ("id", "created", "model")}
    chunk = head | {"object": "chat.completion.chunk", "choices": choices, **fields}
    return f"data: {json.dumps(chunk)}\n\n".encode()


def embeddings(body: Body) -> Body:
    """Return a short vector for each text."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    rows = [{"object": "embedding", "index": place, "embedding": [0.1, 0.2]} for place in range(len(texts))]
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    return {"object": "list", "model": body["model"], "data": rows, "usage": usage}
