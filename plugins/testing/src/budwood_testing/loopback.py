"""A real HTTP server on loopback whose scripts define what it sends, byte by byte, and when."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Self, TypedDict

MAX_WAIT: Final = 60.0
"""Seconds after which a script stops waiting, if a test fails."""


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that the server received."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """The JSON of the body."""
        return json.loads(self.body)


class WaitForClose:
    """A step that waits until the client closes the connection."""


WAIT_FOR_CLOSE: Final = WaitForClose()


class Reset:
    """A step that resets the connection (RST) in place of closing it (FIN)."""


RESET: Final = Reset()

Step = bytes | threading.Event | WaitForClose | Reset | Iterable[bytes]
"""Bytes to send, an event to wait for, `WAIT_FOR_CLOSE`, `RESET`, or an iterable of bytes to send."""


class LoopbackServer:
    """
    Answers each request with the next script, and closes the connection afterwards unless it is kept alive.

    Args:
        tls: The context for TLS; without one the server uses plain HTTP.

    Attributes:
        requests: The requests, in order.
        closed_by_client: Set once a client has closed a connection.
        stopping: Set at the end of the test. Iterables of bytes may wait for it.
        sent: The number of bytes of scripts that were sent.
        accepted: The number of connections that were accepted.
        answer: Returns the reply if there is no script left, and keeps the connection. The default is status 500.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[ReceivedRequest] = []
        self.closed_by_client = threading.Event()
        self.stopping = threading.Event()
        self.sent = 0
        self.accepted = 0
        self.answer: Callable[[ReceivedRequest], bytes] | None = None
        self._tls = tls
        self._scripts: deque[tuple[tuple[Step, ...], bool]] = deque()
        self._events: list[threading.Event] = []
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._start(self._accept)

    @property
    def port(self) -> int:
        """The port of the server."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def play(self, *steps: Step, keep_alive: bool = False, times: int = 1) -> Self:
        """Add a script for the next ``times`` requests; ``keep_alive`` leaves the connection open."""
        self._events += [step for step in steps if isinstance(step, threading.Event)]
        self._scripts.extend([(steps, keep_alive)] * times)
        return self

    def clear_replies(self) -> Self:
        """Remove scripts that no request has used."""
        self._scripts.clear()
        return self

    def has_open(self, limit: int) -> bool:
        """Wait until at most ``limit`` connections are open; return whether that happened."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._connections) <= limit, MAX_WAIT)

    def close_connections(self) -> None:
        """Close all connections, as a server does on restart."""
        with self._changed:
            connections = tuple(self._connections)
        for connection in connections:
            _shut_down(connection)
        self.has_open(0)

    def send_unsolicited(self, data: bytes) -> None:
        """Send bytes on all open connections without a request."""
        with self._changed:
            connections = tuple(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for event in self._events:
            event.set()
        for closable in (self._listener, *self._connections):
            _shut_down(closable)
        self._listener.close()
        for thread in self._threads:
            thread.join(MAX_WAIT)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            with self._registered(connection), connection.makefile("rb") as reader:
                if isinstance(connection, ssl.SSLSocket):
                    _shake_hands(connection)
                self._answer_requests(connection, reader)

    @contextlib.contextmanager
    def _registered(self, connection: socket.socket) -> Iterator[None]:
        with self._changed:
            self._connections.add(connection)
        try:
            yield
        finally:
            connection.close()
            with self._changed:
                self._connections.discard(connection)
                self._changed.notify_all()

    def _answer_requests(self, connection: socket.socket, reader: BinaryIO) -> None:
        while (request := _read_request(reader)) is not None:
            self.requests.append(request)
            if not self._scripts:
                if self.answer is None:
                    connection.sendall(reply(500, "the script has no reply left"))
                    return
                connection.sendall(self.answer(request))
                continue
            steps, keep_alive = self._scripts.popleft()
            self._play(connection, steps)
            if not keep_alive:
                return
        self.closed_by_client.set()

    def _play(self, connection: socket.socket, steps: tuple[Step, ...]) -> None:
        try:
            for step in steps:
                if isinstance(step, threading.Event):
                    step.wait(MAX_WAIT)
                elif isinstance(step, WaitForClose):
                    while connection.recv(65536):
                        pass
                    self.closed_by_client.set()
                elif isinstance(step, Reset):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    self._send(connection, (step,) if isinstance(step, bytes) else step)
        except OSError:
            self.closed_by_client.set()
            raise

    def _send(self, connection: socket.socket, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            if self.stopping.is_set():
                return
            connection.sendall(chunk)
            self.sent += len(chunk)

    def drip(self, data: bytes, times: int = 2000) -> Iterator[bytes]:
        """Yield the same bytes every 5 ms, like a slow server."""
        for _ in range(times):
            yield data
            self.stopping.wait(0.005)


def _shake_hands(connection: ssl.SSLSocket) -> None:
    """Start TLS; if the handshake fails, wait until the client has read the reason."""
    try:
        connection.do_handshake()
    except ssl.SSLError:
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
        raise


def _shut_down(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def signal(event: threading.Event) -> Iterator[bytes]:
    """Set an event when the script reaches this step; send nothing."""
    event.set()
    yield b""


def _read_request(reader: BinaryIO) -> ReceivedRequest | None:
    line = reader.readline().decode("latin-1").strip()
    if not line:
        return None
    headers: dict[str, str] = {}
    while name_value := reader.readline().decode("latin-1").strip():
        name, _, value = name_value.partition(":")
        headers[name.lower()] = value.strip()
    return ReceivedRequest(line, headers, reader.read(int(headers.get("content-length", 0))))


def head(status: int = 200, *, length: int | None = None, **headers: str) -> bytes:
    """
    Return the head of a reply; without a length the body ends with the connection.

    It has ``connection: close``, since the server closes the connection and the client must not reuse it.
    """
    fields = {"connection": "close"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if length is not None:
        fields["content-length"] = str(length)
    lines = [f"HTTP/1.1 {status} Reply", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode()


def reply(status: int = 200, body: object = b"", **headers: str) -> bytes:
    """Return a complete reply; a body that is neither text nor bytes is encoded as JSON."""
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    return head(status, length=len(body), **headers) + body


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body; an empty one ends the body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


class _Chunked(TypedDict):
    transfer_encoding: str


class _KeepAlive(TypedDict):
    connection: str


class _EventStream(TypedDict):
    content_type: str


CHUNKED: Final[_Chunked] = {"transfer_encoding": "chunked"}
KEEP_ALIVE: Final[_KeepAlive] = {"connection": "keep-alive"}
EVENT_STREAM: Final[_EventStream] = {"content_type": "text/event-stream"}
"""Headers for `head` and `reply`."""
