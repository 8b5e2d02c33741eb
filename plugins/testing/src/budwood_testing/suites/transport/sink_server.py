"""A server that receives large requests without storing them in memory."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Final, Self

from budwood_testing.loopback import MAX_WAIT, reply

_BUFFER: Final = 256 * 1024


class SinkServer:
    """
    Receives one request, counts the bytes of its body, and replies after the last one.

    Args:
        on_head: Called after the head of the request has arrived, before more is read.

    Attributes:
        url: Its address.
        received: The number of bytes of the body so far.
    """

    def __init__(self, on_head: Callable[[], object] = lambda: None) -> None:
        self._on_head = on_head
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(MAX_WAIT)
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.received = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for waiting in (
            self._listener,
            *self._connections,
        ):  # a client may be missing, or still have data to send
            with contextlib.suppress(OSError):
                waiting.shutdown(socket.SHUT_RDWR)
        self._thread.join(MAX_WAIT)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            self._receive()

    def _receive(self) -> None:
        connection, _ = self._listener.accept()
        self._connections.append(connection)
        with connection:
            connection.settimeout(MAX_WAIT)
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(4096)
            head, _, body = data.partition(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length:")[2].split()[0])
            self._on_head()
            self.received = len(body)
            buffer = bytearray(_BUFFER)
            while self.received < size:
                count = connection.recv_into(buffer)
                if not count:
                    return
                self.received += count
            connection.sendall(reply(200, "received"))
