"""Sockets with minimal HTTP: the lower bound of the costs in Python."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from urllib.parse import urlsplit

from tests.benchmarks.asking import BODY

SIZE = 65536


class Client:
    """
    One blocking connection, and one async connection per call in flight.
    """

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self.address = (parts.hostname, parts.port)
        self.line = f"POST {parts.path}/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\n".encode()
        self.socket: socket.socket | None = None
        self.free: deque[Connection] = deque()

    def request(self) -> bytes:
        body = json.dumps(BODY).encode()
        return b"%scontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (self.line, len(body), body)

    def sync_call(self) -> str:
        if self.socket is None:
            self.socket = socket.create_connection(self.address)
        self.socket.sendall(self.request())
        received = b""
        while not is_complete(received):
            received += self.socket.recv(SIZE)
        return text_of(received)

    async def async_call(self) -> str:
        if self.free:
            connection = self.free.pop()
        else:
            _, connection = await asyncio.get_running_loop().create_connection(Connection, *self.address)
        received = await connection.ask(self.request())
        self.free.append(connection)
        return text_of(received)

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()

    async def aclose(self) -> None:
        for connection in self.free:
            connection.transport.close()


class Connection(asyncio.Protocol):
    """
    An async connection.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        self.received = b""
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.reply

    def data_received(self, data: bytes) -> None:
        self.received += data
        if is_complete(self.received):
            self.reply.set_result(self.received)


def is_complete(received: bytes) -> bool:
    """
    Return whether the reply is complete.
    """
    head, found, body = received.partition(b"\r\n\r\n")
    return bool(found) and len(body) >= int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])


def text_of(received: bytes) -> str:
    """
    Return the text of a reply.
    """
    return json.loads(received.partition(b"\r\n\r\n")[2])["choices"][0]["message"]["content"]
