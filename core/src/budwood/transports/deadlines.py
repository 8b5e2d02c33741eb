"""
Deadlines for blocking sockets.

httpcore's timeouts apply to each read, so a reply that arrives byte by byte may take longer than any of them. This
network backend computes before every read how much time the call of the thread has left. It also records the socket on
which a thread waits, so that another thread can end the wait.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from budwood.transports.cleanup import register_opened


class ThreadDeadline(threading.local):
    """
    The deadline and the idle timeout of the call that runs in this thread.

    Attributes:
        ends_at: The deadline of the call, or None.
        idle: The idle timeout of a reply in seconds, or None before its head.
    """

    ends_at: float | None = None
    idle: float | None = None


class WaitingSockets:
    """The sockets on which threads wait, by the identifier of the thread."""

    def __init__(self) -> None:
        self._streams: dict[int, httpcore.NetworkStream] = {}

    def enter(self, stream: httpcore.NetworkStream) -> None:
        """Record that this thread waits on the stream."""
        self._streams[threading.get_ident()] = stream

    def leave(self) -> None:
        """Record that this thread no longer waits."""
        self._streams.pop(threading.get_ident(), None)

    def interrupt(self, thread: int) -> None:
        """Shut down the socket on which a thread waits, so that its read ends immediately."""
        self._shut_down(self._streams.get(thread))

    def interrupt_all(self) -> None:
        """Shut down all sockets on which threads wait: closing a socket does not wake its readers."""
        for stream in tuple(self._streams.values()):
            self._shut_down(stream)

    def _shut_down(self, stream: httpcore.NetworkStream | None) -> None:
        sock = None if stream is None else stream.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):  # it was closed in the meantime
                sock.shutdown(socket.SHUT_RDWR)


class DeadlineBackend(httpcore.NetworkBackend):
    """
    A network backend whose reads and writes end at the deadline of the thread.

    Args:
        backend: The backend that does the I/O.
        deadline: The deadline of the thread, which the transport sets for each call.
        waiting: Records which thread waits on which socket.
        monotonic: The clock of the deadline.
        handshakes: How many TLS handshakes a connection through a proxy needs. Before the last one, a read timeout is a
            connect timeout.
    """

    def __init__(
        self,
        backend: httpcore.NetworkBackend,
        deadline: ThreadDeadline,
        waiting: WaitingSockets,
        monotonic: Callable[[], float],
        *,
        handshakes: int = 0,
    ) -> None:
        self._backend = backend
        self._deadline = deadline
        self._waiting = waiting
        self._monotonic = monotonic
        self._handshakes = handshakes

    def time_left(self, timeout: float | None) -> float | None:
        """
        Return the shortest of a timeout, the idle timeout and the time that the call has left.

        Raises:
            httpcore.ReadTimeout: The deadline has passed.
        """
        if self._deadline.idle is not None:
            timeout = self._deadline.idle if timeout is None else min(self._deadline.idle, timeout)
        if self._deadline.ends_at is None:
            return timeout
        left = self._deadline.ends_at - self._monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the call's deadline has passed")
        return left if timeout is None else min(left, timeout)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect within the time that the call has left."""
        stream = self._backend.connect_tcp(host, port, self.time_left(timeout), local_address, socket_options)
        register_opened(stream.close)
        if self._handshakes and timeout is not None:
            return _ConnectingStream(stream, self, self._waiting, timeout, self._handshakes)
        return _DeadlineStream(stream, self, self._waiting)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Connect within the time that the call has left."""
        stream = self._backend.connect_unix_socket(path, self.time_left(timeout), socket_options)
        return _DeadlineStream(stream, self, self._waiting)

    def sleep(self, seconds: float) -> None:
        """Wait; used by httpcore between attempts to connect."""
        self._backend.sleep(seconds)


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, backend: DeadlineBackend, waiting: WaitingSockets) -> None:
        self._stream = stream
        self._backend = backend
        self._waiting = waiting

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._waiting.enter(self._stream)
        try:
            return self._stream.read(max_bytes, self._backend.time_left(timeout))
        finally:
            self._waiting.leave()

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._waiting.enter(self._stream)
        try:
            self._stream.write(buffer, self._backend.time_left(timeout))
        finally:
            self._waiting.leave()

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._backend.time_left(timeout))
        return _DeadlineStream(stream, self._backend, self._waiting)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        return self._stream.get_extra_info(info)


class _ConnectingStream(_DeadlineStream):
    """A connection to a proxy that has not reached the server yet."""

    def __init__(
        self,
        stream: httpcore.NetworkStream,
        backend: DeadlineBackend,
        waiting: WaitingSockets,
        timeout: float,
        handshakes: int,
    ) -> None:
        super().__init__(stream, backend, waiting)
        self._timeout = timeout
        self._handshakes = handshakes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return super().read(max_bytes, self._timeout)
        except httpcore.ReadTimeout as error:
            raise httpcore.ConnectTimeout(str(error)) from error

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        if self._handshakes == 1:
            return super().start_tls(ssl_context, server_hostname, timeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, self._backend.time_left(timeout))
        return _ConnectingStream(stream, self._backend, self._waiting, self._timeout, self._handshakes - 1)
