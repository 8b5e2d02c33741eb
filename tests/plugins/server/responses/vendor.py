"""A vendor on loopback that answers with scripted replies, and records what it was sent."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.background_server import BackgroundServer

Body = dict[str, Any]


class ScriptedVendor(BackgroundServer):
    """
    Answers each request with the next reply: a body, or a list of events, which may end early.

    Attributes:
        requests: The method, the path and the body of each request.
    """

    def __init__(self):
        self.replies: list[tuple[int, Any]] = []
        self.requests: list[tuple[str, str, Body | None]] = []
        self._asked = threading.Event()
        self._released = threading.Event()
        self._released.set()
        self.listen(_Handler)

    def hold(self):
        """Let the next requests wait until `release`."""
        self._asked.clear()
        self._released.clear()

    def wait_for_request(self):
        """Wait until a request has arrived."""
        self._asked.wait()

    def release(self):
        """Answer the requests that wait."""
        self._released.set()

    def receive(self, method: str, path: str, body: Body | None) -> tuple[int, Any]:
        """Record a request, and return the reply to it."""
        self.requests.append((method, path, body))
        self._asked.set()
        self._released.wait()
        return self.replies.pop(0)

    def reply(self, body: Any, status: int = 200):
        """Add a reply."""
        self.replies.append((status, body))

    @property
    def bodies(self) -> list[Body | None]:
        """The bodies of all requests."""
        return [body for _, _, body in self.requests]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        self.answer(json.loads(self.rfile.read(length)) if length else None)

    def do_GET(self):
        self.answer(None)

    def do_DELETE(self):
        self.answer(None)

    def answer(self, body: Body | None):
        status, reply = self.server.owner.receive(self.command, self.path, body)
        if isinstance(reply, list):
            self.send_data(status, "text/event-stream", b"".join(map(encode_event, reply)))
        else:
            self.send_data(status, "application/json", json.dumps(reply).encode())

    def send_data(self, status: int, media_type: str, data: bytes):
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


def encode_event(event: Any) -> bytes:
    """Return an event of a stream, with its type as its name if it has one."""
    if isinstance(event, str):
        return f"data: {event}\n\n".encode()
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def chat_reply(content: str | None = "Hello.", finish: str = "stop", **message: Any) -> Body:
    """Return a reply of Chat Completions."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "small-1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    }


def chat_chunk(finish: str | None = None, **delta: Any) -> Body:
    """Return a chunk of a stream of Chat Completions."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "small-1", "choices": [choice]}


def vendor_reply(*output: Body, **fields: Any) -> Body:
    """Return a reply of the Responses API."""
    return {
        "id": "resp_vendor1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": "gpt-5-mini",
        "output": list(output),
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        **fields,
    }


def text_item(text: str, **fields: Any) -> Body:
    """Return a message as an item of a vendor."""
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": content,
        **fields,
    }
