"""A Chat Completions server on loopback, whose replies depend only on the requests."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

Body = dict[str, Any]
Fault = Callable[["Handler"], None]

NOW = {"retry-after-ms": "0"}
"""A header for a retry without delay."""


def echo(body: Body) -> str:
    """Return a text that is unique for each request."""
    mark = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
    return f"This is what is said about {mark}."


class ChatServer:
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
        self._environment = pytest.MonkeyPatch()
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.chat = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def settings(self) -> dict[str, Any]:
        """Settings with which ``local/tiny`` uses this server."""
        url = f"http://127.0.0.1:{self._server.server_port}/v1"
        return {"providers": {"local": {"plugin": "openai-compatible", "base_url": url}}}

    def received(self, body: Body) -> int:
        """Record a request, and return its number."""
        with self._lock:
            self.requests.append(body)
            return len(self.requests)

    def __enter__(self) -> Self:
        for name in ("http_proxy", "https_proxy", "all_proxy"):  # do not use proxies of the environment
            self._environment.delenv(name, raising=False)
            self._environment.delenv(name.upper(), raising=False)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._environment.undo()


class Server(ThreadingHTTPServer):
    chat: ChatServer
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), OSError):  # a killed client closes its connection
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body are sent together
    server: Server

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        fault = self.server.chat.fault(self.server.chat.received(body), body)
        if fault is None:
            self.send(200, completion(body["model"], self.server.chat.say(body)))
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
