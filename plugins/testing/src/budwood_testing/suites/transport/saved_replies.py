"""Tests of saving replies to files."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from budwood.contracts import AsyncExchange, AsyncTransport, Transport
from budwood.engine.drivers.reply_files import save_reply, save_reply_async
from budwood.errors import ConnectionFailedError, ResponseTooLargeError
from budwood.types import HTTPCall, SavedReply
from budwood_testing.loopback import CHUNKED, WAIT_FOR_CLOSE, LoopbackServer, chunk, head, reply
from budwood_testing.suites.transport.bench import TransportTestBase, call, is_closed_by_client, timing
from budwood_testing.suites.transport.sync_adapter import SyncExchange, turns

_SENT: Final = 1_500_000
"""More bytes than the async driver collects before it writes."""


class SaveTests(TransportTestBase):
    """Replies are saved to files completely, or not at all."""

    @pytest.fixture
    def target(self, files: Path) -> Path:
        """Create the file that a reply will replace."""
        target = files / "speech.mp3"
        target.write_bytes(b"old")
        return target

    def test_reply_is_saved(self, transport: Transport, server: LoopbackServer, target: Path) -> None:
        """The file contains the body, and there are no other files in its folder."""
        server.play(head(**CHUNKED), chunk(b"one "), chunk(b"two"), chunk(b""))

        saved = save(transport, call(server.url), target)

        assert saved == SavedReply(target, 7)
        assert target.read_bytes() == b"one two"
        assert list(target.parent.iterdir()) == [target]

    def test_compressed_reply_is_saved_decompressed(
        self, transport: Transport, server: LoopbackServer, target: Path
    ) -> None:
        """The file contains the decompressed body."""
        server.play(reply(200, gzip.compress(b"plain" * 100_000), content_encoding="gzip"))

        assert save(transport, call(server.url), target).size == 500_000
        assert target.read_bytes() == b"plain" * 100_000

    def test_saving_a_large_reply_uses_little_memory(
        self, transport: Transport, server: LoopbackServer, target: Path
    ) -> None:
        """Saving 64 MB uses less than 8 MB of memory."""
        server.play(head(**CHUNKED), itertools.repeat(chunk(b"x" * 64_000), 1000), chunk(b""))

        tracemalloc.start()
        try:
            assert save(transport, call(server.url), target).size == 64_000_000
            assert tracemalloc.get_traced_memory()[1] < 8_000_000
        finally:
            tracemalloc.stop()

        assert target.stat().st_size == 64_000_000

    def test_broken_reply_changes_no_file(self, transport: Transport, server: LoopbackServer, target: Path) -> None:
        """If the connection breaks, the old file is unchanged, and there are no other files."""
        server.play(head(length=1_000_000) + bytes(600_000))

        with pytest.raises(ConnectionFailedError, match="was lost"):
            save(transport, call(server.url), target)

        assert target.read_bytes() == b"old"
        assert list(target.parent.iterdir()) == [target]

    @pytest.mark.parametrize("announced", [True, False])
    def test_reply_beyond_the_limit_changes_no_file(
        self,
        transport: Transport,
        server: LoopbackServer,
        target: Path,
        announced: bool,  # noqa: FBT001 - pytest passes it by name
    ) -> None:
        """A reply larger than the limit for files raises an error; the connection is closed and the file unchanged."""
        if announced:
            server.play(head(length=2 * 1024**3), WAIT_FOR_CLOSE)
        else:
            server.play(head(**CHUNKED), itertools.repeat(chunk(b"x" * 65536), 256))

        with pytest.raises(ResponseTooLargeError, match="1,000,000 bytes"):
            save(transport, call(server.url), target, 1_000_000)

        assert is_closed_by_client(transport, server)
        assert target.read_bytes() == b"old"
        assert list(target.parent.iterdir()) == [target]

    def test_cancelled_save_changes_no_file(
        self, make_async: Callable[..., AsyncTransport], server: LoopbackServer, target: Path
    ) -> None:
        """If a task is cancelled while saving, the old file is unchanged, and there are no other files."""
        server.play(head(length=2_000_000) + bytes(_SENT), WAIT_FOR_CLOSE)

        async def cancelled() -> None:
            transport = make_async()
            exchange = _WatchedExchange(await transport.open(call(server.url), timing()))
            task = asyncio.create_task(save_reply_async(exchange, target, None))
            await exchange.waits.wait()
            await turns(1)
            assert len(list(target.parent.iterdir())) == 2  # the data so far is in a temporary file
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await exchange.close()
            await transport.close()

        asyncio.run(cancelled())
        assert target.read_bytes() == b"old"
        assert list(target.parent.iterdir()) == [target]


class _WatchedExchange:
    """An exchange that sets an event once all bytes sent so far were read, so that the next read waits."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self.head = exchange.head
        self.waits = asyncio.Event()
        self._exchange = exchange
        self._remaining = _SENT

    async def read(self) -> bytes:
        if not self._remaining:
            self.waits.set()
        data = await self._exchange.read()
        self._remaining -= len(data)
        return data

    async def read_all(self, limit: int) -> bytes:
        return await self._exchange.read_all(limit)

    async def close(self) -> None:
        await self._exchange.close()


def save(transport: Transport, request: HTTPCall, path: Path, limit: int | None = None) -> SavedReply:
    """Send a call, and save its reply with the driver of the mode under test."""
    exchange = transport.open(request, timing())
    try:
        if isinstance(exchange, SyncExchange):
            return exchange.save(path, limit)
        return save_reply(exchange, path, limit)
    finally:
        exchange.close()
