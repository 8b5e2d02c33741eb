"""Read the body of a reply with asyncio: in chunks, decompressed, and with timeouts."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from budwood.types import ReplyHead, Timing
from budwood.wire.bodies import AsyncBufferedBody, check_content_length
from budwood.wire.compression import Decompressor
from budwood.wire.deadlines import Deadlines, Wait
from budwood.wire.errors import check_deadline, size_error


class AsyncBody(AsyncBufferedBody):
    """
    The body of an exchange with async I/O. Subclasses implement how to receive its bytes as they were sent.

    Attributes:
        connection_errors: What `_receive` and `_take_buffered` raise if the connection fails.
    """

    __slots__ = ("_closed", "_deadlines", "_decompressor", "_is_compressed", "_monotonic", "_timing", "head")

    connection_errors: ClassVar[tuple[type[Exception], ...]] = (OSError,)

    def __init__(self, head: ReplyHead, timing: Timing, deadlines: Deadlines, monotonic: Callable[[], float]) -> None:
        self.head = head
        self._timing = timing
        self._deadlines = deadlines
        self._monotonic = monotonic
        self._is_compressed = "content-encoding" in head.headers
        self._decompressor: Decompressor | None = None
        self._closed = False

    @abstractmethod
    async def _receive(self) -> bytes:
        """Wait for the next bytes; empty bytes are the end."""

    @abstractmethod
    def _convert_error(self, error: Exception) -> Exception:
        """Return the error of Budwood for one of `connection_errors`."""

    @abstractmethod
    async def _release(self) -> None:
        """Release the connection, or close it during a reply. Called once, in the event loop of the connection."""

    @abstractmethod
    async def _discard(self) -> None:
        """Close the socket of a connection whose event loop is closed."""

    def _take_buffered(self) -> bytes:
        """Return the bytes that were received already."""
        return b""

    def _is_at_end(self) -> bool:
        """Tell whether the end was reached, if that is known without waiting."""
        return False

    async def read(self) -> bytes:
        """Wait for the next bytes of the body; empty bytes are its end."""
        now, timing = self._monotonic(), self._timing
        check_deadline(timing, now)
        try:
            if self._is_compressed:
                return await self._read_compressed(now)
            data = self._take_buffered()
            if not data:
                with Wait(self._deadlines, min(timing.idle_timeout, timing.deadline - now)):
                    data = await self._receive()
        except self.connection_errors as error:
            failure = self._convert_error(error)
        else:
            return data
        raise failure  # outside of `except`, so that it does not get the original error as its context

    async def _read_compressed(self, now: float) -> bytes:
        if self._decompressor is None:
            self._decompressor = Decompressor(self.head.headers["content-encoding"])
        data = self._decompressor.read_block()
        while not data:
            compressed = self._take_buffered()
            if not compressed:
                with Wait(self._deadlines, min(self._timing.idle_timeout, self._timing.deadline - now)):
                    compressed = await self._receive()
            if not compressed:
                self._decompressor.finish()
                break
            data = self._decompressor.feed(compressed)
            now = self._monotonic()
        return data

    async def read_all(self, limit: int) -> bytes:
        """Wait for the full body, of at most ``limit`` bytes. Most bodies arrive with the head."""
        check_content_length(self.head.headers, limit)
        chunks: list[bytes] = []
        size = 0
        while chunk := await self.read():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise size_error(limit)
            if not self._is_compressed and self._is_at_end():
                break
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def close(self) -> None:
        """End the exchange; during a reply this closes the connection. Works in another event loop, too."""
        loop = self._deadlines.loop
        if self._closed:
            return
        if loop is None or loop is asyncio.get_running_loop():
            self._closed = True
            await self._release()
        elif loop.is_closed():
            self._closed = True
            await self._discard()
        elif loop.is_running():
            asyncio.run_coroutine_threadsafe(self.close(), loop)
