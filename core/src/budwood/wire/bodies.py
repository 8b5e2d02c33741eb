"""Read the bodies of replies: piece by piece, unpacked, bounded in time, and whole no further than a limit."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from budwood.types import ReplyHead, Timing
from budwood.wire.compression import Unpacker
from budwood.wire.deadlines import Deadlines, Wait
from budwood.wire.errors import check_deadline, too_large


def check_announced_size(headers: Mapping[str, str], limit: int) -> None:
    """
    Check that a reply does not announce more than is kept.

    Raises:
        ResponseTooLargeError: Its ``content-length`` is above ``limit`` bytes.
    """
    if announced_size(headers) > limit:
        raise too_large(limit)


def announced_size(headers: Mapping[str, str]) -> int:
    """Return the ``content-length`` of a reply, or 0 if it has none."""
    announced = headers.get("content-length", "")
    return int(announced) if announced.isdecimal() else 0


class WholeBody(ABC):
    """What `budwood.contracts.Exchange.read_all` does by `read`."""

    __slots__ = ()

    head: ReplyHead

    @abstractmethod
    def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""

    def read_all(self, limit: int) -> bytes:
        """Wait for the whole body, of at most ``limit`` bytes."""
        check_announced_size(self.head.headers, limit)
        chunks: list[bytes] = []
        size = 0
        while chunk := self.read():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class AsyncWholeBody(ABC):
    """What `budwood.contracts.AsyncExchange.read_all` does by `read`."""

    __slots__ = ()

    head: ReplyHead

    @abstractmethod
    async def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""

    async def read_all(self, limit: int) -> bytes:
        """Wait for the whole body, of at most ``limit`` bytes."""
        check_announced_size(self.head.headers, limit)
        chunks: list[bytes] = []
        size = 0
        while chunk := await self.read():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class AsyncBody(AsyncWholeBody):
    """
    The body of an exchange with async I/O: who inherits says how to wait for its pieces as they were sent.

    Attributes:
        failures: What `_wait` and `_at_hand` raise where the connection fails.
    """

    __slots__ = ("_closed", "_deadlines", "_is_packed", "_monotonic", "_timing", "_unpacker", "head")

    failures: ClassVar[tuple[type[Exception], ...]] = (OSError,)

    def __init__(self, head: ReplyHead, timing: Timing, deadlines: Deadlines, monotonic: Callable[[], float]) -> None:
        self.head = head
        self._timing = timing
        self._deadlines = deadlines
        self._monotonic = monotonic
        self._is_packed = "content-encoding" in head.headers
        self._unpacker: Unpacker | None = None
        self._closed = False

    @abstractmethod
    async def _wait(self) -> bytes:
        """Wait for more; empty bytes are the end."""

    @abstractmethod
    def _failed(self, error: Exception) -> Exception:
        """Say in our own terms what went wrong."""

    @abstractmethod
    async def _end(self) -> None:
        """Give the connection back, or close it during a reply. Called once, in the event loop of the connection."""

    @abstractmethod
    async def _discard(self) -> None:
        """Close the socket of a connection whose event loop is closed."""

    def _at_hand(self) -> bytes:
        """Return what need not be waited for."""
        return b""

    def _is_at_end(self) -> bool:
        """Tell whether all has been read, where that is known without waiting."""
        return False

    async def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""
        now, timing = self._monotonic(), self._timing
        check_deadline(timing, now)
        try:
            if self._is_packed:
                return await self._read_packed(now)
            data = self._at_hand()
            if not data:
                with Wait(self._deadlines, min(timing.idle_timeout, timing.deadline - now)):
                    data = await self._wait()
        except self.failures as error:
            failure = self._failed(error)
        else:
            return data
        raise failure  # out here, so that what it is not chained to is not its context either

    async def _read_packed(self, now: float) -> bytes:
        if self._unpacker is None:
            self._unpacker = Unpacker(self.head.headers["content-encoding"])
        data = self._unpacker.more()
        while not data:
            packed = self._at_hand()
            if not packed:
                with Wait(self._deadlines, min(self._timing.idle_timeout, self._timing.deadline - now)):
                    packed = await self._wait()
            if not packed:
                self._unpacker.finish()
                break
            data = self._unpacker.feed(packed)
            now = self._monotonic()
        return data

    async def read_all(self, limit: int) -> bytes:
        """Wait for the whole body, of at most ``limit`` bytes; most are here already, with the head."""
        check_announced_size(self.head.headers, limit)
        chunks: list[bytes] = []
        size = 0
        while chunk := await self.read():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            if not self._is_packed and self._is_at_end():
                break
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def close(self) -> None:
        """End the exchange; during a reply this closes the connection. Called in another event loop, too."""
        loop = self._deadlines.loop
        if self._closed:
            return
        if loop is None or loop is asyncio.get_running_loop():
            self._closed = True
            await self._end()
        elif loop.is_closed():
            self._closed = True
            await self._discard()
        elif loop.is_running():
            asyncio.run_coroutine_threadsafe(self.close(), loop)
