"""Read the bodies of replies in full, up to a limit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from budwood.types import ReplyHead
from budwood.wire.errors import size_error


def check_content_length(headers: Mapping[str, str], limit: int) -> None:
    """
    Check that the ``content-length`` of a reply is within the limit.

    Raises:
        ResponseTooLargeError: It is above ``limit`` bytes.
    """
    if content_length(headers) > limit:
        raise size_error(limit)


def content_length(headers: Mapping[str, str]) -> int:
    """Return the ``content-length`` of a reply, or 0 if it has none."""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


class BufferedBody(ABC):
    """Implements `budwood.contracts.Exchange.read_all` by means of `read`."""

    __slots__ = ()

    head: ReplyHead

    @abstractmethod
    def read(self) -> bytes:
        """Wait for the next bytes of the body; empty bytes are its end."""

    def read_all(self, limit: int) -> bytes:
        """Wait for the full body, of at most ``limit`` bytes."""
        check_content_length(self.head.headers, limit)
        chunks: list[bytes] = []
        size = 0
        while chunk := self.read():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise size_error(limit)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class AsyncBufferedBody(ABC):
    """Implements `budwood.contracts.AsyncExchange.read_all` by means of `read`."""

    __slots__ = ()

    head: ReplyHead

    @abstractmethod
    async def read(self) -> bytes:
        """Wait for the next bytes of the body; empty bytes are its end."""

    async def read_all(self, limit: int) -> bytes:
        """Wait for the full body, of at most ``limit`` bytes."""
        check_content_length(self.head.headers, limit)
        chunks: list[bytes] = []
        size = 0
        while chunk := await self.read():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise size_error(limit)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
