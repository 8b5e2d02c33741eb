"""A Chat Completions server on loopback, whose replies depend only on the requests."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.background_server import BackgroundServer

Body = dict[str, Any]
Fault = Callable[["Handler"], None]

NOW = {"retry-after-ms": "0"}
"""A header for a retry without delay."""


def echo(body: Body) -> str:
    """Return a text that is unique for each request."""
    mark = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
    return f"This is what is said about {mark}."


class ChatServer(BackgroundServer):
    """
    Handles requests concurrently.

    Args:
        say: Returns the text of the reply for a request.
        fault: Called with the number of a request, from 1, and the request; returns a fault that replaces the reply.

    Attributes:
        requests: The bodies of the requests.
    """

    def __init__(self, say: Callable[[Body], str] = echo, fault: Callable[[int, Body], Fault | None] | None = None):
        self.say = say
        self.fault = fault or (lambda _number, _body: None)
        self.requests: list[Body] = []
        self._lock = threading.Lock()
        self.listen(Handler)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings with which ``local/tiny`` uses this server."""
        return {"providers": {"local": {"plugin": "openai-compatible", "base_url": f"{self.origin}/v1"}}}

    def received(self, body: Body) -> int:
        """Record a request, and return its number."""
        with self._lock:
            self.requests.append(body)
            return len(self.requests)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body are sent together

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        fault = self.server.owner.fault(self.server.owner.received(body), body)
        if fault is None:
            self.send(200, completion(body["model"], self.server.owner.say(body)))
        else:
            fault(self)

    def send(self, status: int, body: object, **headers: str):
        data = json.dumps(body).encode()
        self.send_head(status, len(data), headers)
        self.wfile.write(data)

    def send_head(self, status: int, length: int, headers: dict[str, str]):
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def completion(model: str, text: str) -> Body:
    """Return a reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
    return {"id": "chat-1", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}


def failure(status: int, message: str = "No.", **headers: str) -> Fault:
    """Return a fault that sends an error."""
    return lambda handler: handler.send(status, {"error": {"message": message}}, **headers)


def disconnect(handler: Handler) -> None:
    """Close the connection during a reply."""
    data = json.dumps(completion("tiny", "This is never read to its end.")).encode()
    handler.send_head(200, len(data), {})
    handler.wfile.write(data[: len(data) // 2])
    handler.close_connection = True
