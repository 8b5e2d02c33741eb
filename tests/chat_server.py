"""A server on loopback that speaks Chat Completions. What it says depends on what it is asked, and on nothing else."""

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
"""With this header a client tries again without a pause."""


def echo(body: Body) -> str:
    """Say something of its own about each request."""
    mark = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
    return f"This is what is said about {mark}."


class ChatServer:
    """
    Answers requests side by side.

    Args:
        say: Makes the text of a reply out of the request.
        fault: Gets the number of a request, from 1, and the request; what it returns is done in place of a reply.

    Attributes:
        requests: What was asked.
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
        """Settings by which the model ``local/tiny`` is here."""
        url = f"http://127.0.0.1:{self._server.server_port}/v1"
        return {"providers": {"local": {"plugin": "openai-compatible", "base_url": url}}}

    def received(self, body: Body) -> int:
        """Note a request, and return its number."""
        with self._lock:
            self.requests.append(body)
            return len(self.requests)

    def __enter__(self) -> Self:
        for name in ("http_proxy", "https_proxy", "all_proxy"):  # no proxy of the machine stands between
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
        if not isinstance(sys.exception(), OSError):  # a client that was killed just leaves
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
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
        self.begin(status, len(data), headers)
        self.wfile.write(data)

    def begin(self, status: int, length: int, headers: dict[str, str]):
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def completion(model: str, text: str) -> Body:
    """Write a reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
    return {"id": "chat-1", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}


def failure(status: int, message: str = "No.", **headers: str) -> Fault:
    """Refuse a request."""
    return lambda handler: handler.send(status, {"error": {"message": message}}, **headers)


def cut(handler: Handler) -> None:
    """Close the connection in the middle of a reply."""
    data = json.dumps(completion("tiny", "This is never read to its end.")).encode()
    handler.begin(200, len(data), {})
    handler.wfile.write(data[: len(data) // 2])
    handler.close_connection = True
