"""Transports, and the exchanges that they open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from budwood.types import HTTPCall, ReplyHead, Timing


class Exchange(Protocol):
    """One request under way, with blocking I/O."""

    head: ReplyHead

    def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""
        ...

    def read_all(self, limit: int) -> bytes:
        """
        Wait for the whole body.

        Raises:
            ResponseTooLargeError: It has more than ``limit`` bytes.
        """
        ...

    def close(self) -> None:
        """End it; in mid-reply this closes the connection at once."""
        ...


class Transport(Protocol):
    """Carries HTTP calls, with blocking I/O. Safe to use from several threads."""

    def open(self, call: HTTPCall, timing: Timing) -> Exchange:
        """
        Send the call and wait for the head of the reply.

        Raises:
            ConnectionFailedError: There is no connection, or it broke.
            RequestTimeoutError: It took too long.
        """
        ...

    def interrupt(self, thread: int) -> None:
        """
        End what another thread (by its identifier) waits for, such as a read: the thread gets an error.

        A transport that does not know on which connection the thread waits does nothing. The deadline of the call still
        holds.
        """
        ...

    def close(self) -> None:
        """Close all connections. Closing twice is no error."""
        ...


class AsyncExchange(Protocol):
    """One request under way, with async I/O; see `Exchange`."""

    head: ReplyHead

    async def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""
        ...

    async def read_all(self, limit: int) -> bytes:
        """Wait for the whole body."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


class AsyncTransport(Protocol):
    """Carries HTTP calls, with async I/O; see `Transport`. Belongs to one event loop."""

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncExchange:
        """Send the call and wait for the head of the reply."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class Transports(Protocol):
    """What a plugin for a transport builds: each client gets a transport of its own."""

    def blocking(self) -> Transport:
        """
        Make a transport with blocking I/O.

        Raises:
            UnsupportedError: It has none, or cannot do what its settings or the environment say.
        """
        ...

    def asynchronous(self) -> AsyncTransport:
        """
        Make a transport with async I/O, on the running event loop or the one that runs when it is first used.

        Raises:
            UnsupportedError: It has none, or cannot do what its settings or the environment say.
        """
        ...
