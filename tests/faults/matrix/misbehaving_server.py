"""
Real servers on loopback that misbehave on purpose, each with one fault of `table`.

They speak the Chat Completions API. A fault is what a server sends for one request, byte by byte; some faults are
in the connection, before any request.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import trustme

from budwood_testing import chat_chunks, chat_reply, sse
from budwood_testing.loopback import Step
from tests.servers import (
    CHUNKED,
    EVENT_STREAM,
    RESET,
    WAIT_FOR_CLOSE,
    LoopbackServer,
    ReceivedRequest,
    chunk,
    head,
    reply,
)

ANSWER: Final = "All is well."
STARTED: Final = "All is"
HTML: Final = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
USAGE: Final = {"prompt_tokens": 5, "completion_tokens": 1}
"""The usage so far, which some servers report with each event of a stream."""

MANY: Final = 20
"""More requests than any call sends."""

Script = Callable[[bool], tuple[Step, ...]]
"""Returns what a server sends, for a plain request or for a streamed one."""


class Server(NamedTuple):
    """
    One endpoint of a test.

    Attributes:
        url: Its address.
        server: The server; None if there is none at that address.
    """

    url: str
    server: LoopbackServer | None

    @property
    def requests(self) -> int:
        """The number of requests that arrived."""
        return len(self.server.requests) if self.server is not None else 0

    def has_no_connection(self) -> bool:
        """Wait until no connection is open, and return whether that happened."""
        return self.server is None or self.server.has_open(0)


class Drip:
    """Bytes that arrive one by one, within a number of seconds."""

    def __init__(self, data: bytes, seconds: float) -> None:
        self._data, self._seconds = data, seconds

    def __iter__(self) -> Iterator[bytes]:
        for position in range(len(self._data)):
            yield self._data[position : position + 1]
            time.sleep(self._seconds / len(self._data))


def answer(streamed: bool) -> bytes:
    """Return a complete reply."""
    if streamed:
        return reply(200, b"".join(sse(*chat_chunks([STARTED, ANSWER.removeprefix(STARTED)]))), **EVENT_STREAM)
    return reply(200, chat_reply(ANSWER))


def start_of_answer(streamed: bool) -> bytes:
    """Return the first half of a reply, or a stream that has shown content."""
    if not streamed:
        return answer(streamed=False)[:-40]
    return head(**CHUNKED, **EVENT_STREAM) + chunk(_events({**chat_chunks([STARTED])[0], "usage": USAGE}))


def start_of_body(streamed: bool) -> bytes:
    """Return the first half of a reply, or a stream before its first content."""
    return head(**CHUNKED, **EVENT_STREAM) + b"40\r\n: ready\n\n" if streamed else start_of_answer(streamed=False)


def _events(*events: object) -> bytes:
    """Return the events of a stream that is not at its end."""
    return b"".join(sse(*events, done=False))


def error(status: int, message: str = "No.", code: str | None = None, **headers: str) -> Script:
    """Return a fault that is a vendor's error."""
    body = {"error": {"message": message, "code": code, "type": None, "param": None}}
    return lambda _streamed: (reply(status, body, **headers),)


def error_in_success(code: str) -> Script:
    """Return a fault that is an error in a reply with status 200, before any content."""
    event = {"error": {"message": "It failed.", "code": code}}
    return lambda streamed: (head(**EVENT_STREAM) + _events(event),) if streamed else (reply(200, event),)


def body(data: bytes, content_type: str = "application/json") -> Script:
    """Return a fault that is a body with status 200; in a stream, it is the data of the first event."""
    return lambda streamed: (
        (head(**EVENT_STREAM) + b"data: " + data + b"\n\n",)
        if streamed and content_type == "application/json"
        else (reply(200, data, content_type=content_type),)
    )


def wrong_content_type(streamed: bool) -> tuple[Step, ...]:
    """Send a good reply that says it is HTML."""
    wrong = "text/html"
    if streamed:
        return (answer(streamed=True).replace(b"text/event-stream", wrong.encode()),)
    return (reply(200, chat_reply(ANSWER), content_type=wrong),)


def slow_drip(streamed: bool) -> tuple[Step, ...]:
    """Send the head of a good reply at once, and its body slowly."""
    first, end, rest = answer(streamed).partition(b"\r\n\r\n")
    return (first + end, Drip(rest, 1.5))


START_OF_HEAD: Final = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"

SCRIPTS: Final[Mapping[str, Script]] = {
    "429": error(429, "Slow down."),
    "429 with Retry-After": error(429, "Slow down.", retry_after="7"),
    "429 with a long Retry-After": error(429, "Slow down.", retry_after="3600"),
    "429 for quota": error(429, "You exceeded your current quota.", "insufficient_quota"),
    "429 for capacity": error(429, "The engine is overloaded.", "engine_overloaded"),
    "429 for capacity, Azure": error(429, "The system is currently experiencing high demand.", "429"),
    "498": error(498, "Flex tier is over capacity.", "capacity_exceeded"),
    "500": error(500),
    "502": error(502),
    "502 with HTML": lambda _streamed: (reply(502, HTML, content_type="text/html"),),
    "503": error(503),
    "503 with Retry-After": error(503, retry_after="7"),
    "504": error(504),
    "529": error(529),
    "408": error(408),
    "400": error(400, "messages must not be empty."),
    "401": error(401, "Incorrect API key provided.", "invalid_api_key"),
    "403": error(403),
    "404": error(404, "The model `tiny` does not exist.", "model_not_found"),
    "context length": error(400, "This model's maximum context length is 10 tokens.", "context_length_exceeded"),
    "content filter": error(400, "The prompt was filtered.", "content_filter"),
    "close before the reply": lambda _streamed: (b"",),
    "close in the body": lambda streamed: (start_of_body(streamed),),
    "reset before the reply": lambda _streamed: (RESET,),
    "reset in the head": lambda _streamed: (START_OF_HEAD, RESET),
    "reset in the body": lambda streamed: (start_of_body(streamed), RESET),
    "reset after content": lambda streamed: (start_of_answer(streamed), RESET),
    "end after content": lambda streamed: (start_of_answer(streamed) + chunk(b""),),
    "end before content": lambda _streamed: (head(**EVENT_STREAM) + b": ready\n\n",),
    "hang before the head": lambda _streamed: (WAIT_FOR_CLOSE,),
    "hang until the deadline": lambda _streamed: (WAIT_FOR_CLOSE,),
    "hang in the head": lambda _streamed: (START_OF_HEAD, WAIT_FOR_CLOSE),
    "hang in the body": lambda streamed: (start_of_body(streamed), WAIT_FOR_CLOSE),
    "hang after content": lambda streamed: (start_of_answer(streamed), WAIT_FOR_CLOSE),
    "slow drip": slow_drip,
    "truncated JSON": body(json.dumps(chat_reply(ANSWER)).encode()[:-40]),
    "malformed JSON": body(b'{"id": "chatcmpl-1", "choices": oops}'),
    "HTML": body(HTML.encode(), "text/html"),
    "empty body": lambda _streamed: (reply(200, b""),),
    "wrong content type": wrong_content_type,
    "error in a 200": error_in_success("server_error"),
    "capacity error in a 200": error_in_success("server_is_overloaded"),
    "error after content": lambda streamed: (
        start_of_answer(streamed)
        + chunk(_events({"error": {"message": "It failed.", "code": "server_error"}}))
        + chunk(b""),
    ),
}
"""What a server sends, by the name of the fault."""


@contextlib.contextmanager
def serve(fault: str | None, *, streamed: bool, times: int = MANY) -> Iterator[Server]:
    """
    Start a server with a fault, which answers well after a number of faulty replies.

    Args:
        fault: The name of the fault; None for none.
        streamed: Whether the requests are streamed.
        times: The number of faulty replies.
    """
    if fault in CONNECTIONS:
        with CONNECTIONS[fault]() as server:
            yield server
        return
    with LoopbackServer() as server:
        server.answer = lambda request: answer(_is_streamed(request))
        if fault is not None:
            server.play(*SCRIPTS[fault](streamed), times=times)
        yield Server(f"{server.url}/v1", server)


def fail_once(server: Server, fault: str, *, streamed: bool) -> None:
    """Answer the next request with a fault."""
    server.server.play(*SCRIPTS[fault](streamed))


def _is_streamed(request: ReceivedRequest) -> bool:
    return bool(request.json.get("stream"))


@contextlib.contextmanager
def _refused() -> Iterator[Server]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # not listening; bound, so that no other server gets the port
        yield Server(f"http://127.0.0.1:{unused.getsockname()[1]}/v1", None)


@contextlib.contextmanager
def _never_accepted() -> Iterator[Server]:
    """Fill the queue of a listener, so that the kernel accepts no more connections."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield Server(f"http://127.0.0.1:{full.getsockname()[1]}/v1", None)


_numbers = itertools.count(1)


@contextlib.contextmanager
def _unknown_host() -> Iterator[Server]:
    yield Server(f"http://api.vendor.invalid/{next(_numbers)}/v1", None)


@contextlib.contextmanager
def _untrusted() -> Iterator[Server]:
    with LoopbackServer(_untrusted_context()) as server:
        yield Server(f"{server.url}/v1", server)


@contextlib.contextmanager
def _without_tls() -> Iterator[Server]:
    tls: Any = NoTLS()
    with LoopbackServer(tls) as server:
        yield Server(f"{server.url}/v1", server)


class NoTLS:
    """Answers a TLS handshake with a reply in clear text, as a server for plain HTTP does."""

    def wrap_socket(self, connection: socket.socket, **_: object) -> socket.socket:
        """Send the reply, and close the connection."""
        with connection:
            connection.recv(65536)
            connection.sendall(reply(400, "This is not TLS."))
        raise OSError("no TLS")


@functools.cache
def _untrusted_context() -> ssl.SSLContext:
    """Create a context with a certificate of an authority that is not trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


CONNECTIONS: Final[Mapping[str, Callable[[], contextlib.AbstractContextManager[Server]]]] = {
    "connection refused": _refused,
    "connection never accepted": _never_accepted,
    "unknown host": _unknown_host,
    "untrusted certificate": _untrusted,
    "no TLS": _without_tls,
}
"""Faults before any request, by name."""
