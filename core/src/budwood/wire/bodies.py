"""Read whole bodies, piece by piece and no further than a limit: for transports that cannot do it faster."""

from __future__ import annotations

from abc import ABC, abstractmethod

from budwood.types import ReplyHead
from budwood.wire.failures import check_announced_size, too_large


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
