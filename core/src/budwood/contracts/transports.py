"""Transports, which send HTTP requests, and exchanges, which read the replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from budwood.types import HTTPCall, ReplyHead, Timing


class Exchange(Protocol):
    """One request and its reply, with blocking I/O."""

    head: ReplyHead

    def read(self) -> bytes:
        """Return the next bytes of the body; empty bytes at its end."""
        ...

    def read_all(self, limit: int) -> bytes:
        """
        Return the complete body.

        Raises:
            ResponseTooLargeError: The body has more than `limit` bytes.
        """
        ...

    def close(self) -> None:
        """End the exchange. If the reply is incomplete, the connection is closed immediately."""
        ...


class Transport(Protocol):
    """Sends HTTP requests, with blocking I/O. Methods may be called from several threads."""

    def open(self, call: HTTPCall, timing: Timing) -> Exchange:
        """
        Send a request and wait for the response headers. If the call has ``addresses``, connect to no others.

        Raises:
            ConnectionFailedError: The connection failed or broke.
            RequestTimeoutError: A time limit was exceeded.
        """
        ...

    def interrupt(self, thread: int) -> None:
        """
        Interrupt a wait of another thread, such as a read: the thread gets an error.

        A transport that does not know the connection of the thread does nothing; the deadline of the call still
        applies.

        Args:
            thread: The identifier of the thread.
        """
        ...

    def close(self) -> None:
        """Close all connections. Closing twice must not fail."""
        ...


class AsyncExchange(Protocol):
    """One request and its reply, with async I/O; see `Exchange`."""

    head: ReplyHead

    async def read(self) -> bytes:
        """Return the next bytes of the body; empty bytes at its end."""
        ...

    async def read_all(self, limit: int) -> bytes:
        """Return the complete body; see `Exchange.read_all`."""
        ...

    async def close(self) -> None:
        """End the exchange."""
        ...


class AsyncTransport(Protocol):
    """
    Sends HTTP requests, with async I/O; see `Transport`. A transport belongs to one event loop.

    A client creates one for each event loop in which it is used, and closes it when the loop shuts down. If a loop was
    closed without shutting down, `close` runs in another loop.
    """

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncExchange:
        """Send a request and wait for the response headers; see `Transport.open`."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class Transports(Protocol):
    """What a transport plugin builds: a factory, since each client has its own transport."""

    def blocking(self) -> Transport:
        """
        Create a transport with blocking I/O.

        Raises:
            UnsupportedError: The plugin has none, or does not support the settings or the environment.
        """
        ...

    def asynchronous(self) -> AsyncTransport:
        """
        Create a transport with async I/O, for the event loop that runs now or at its first use.

        Raises:
            UnsupportedError: The plugin has none, or does not support the settings or the environment.
        """
        ...
