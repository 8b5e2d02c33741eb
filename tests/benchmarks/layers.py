"""Runs the parts of a call separately: the transport, and everything else."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import budwood
from budwood.hooks import PROVIDER, TRANSPORT
from budwood.plugins import Instances
from budwood.settings import Settings
from budwood.types import ChatRequest, HTTPCall, HTTPReply, Message, ReplyHead, Timing
from tests.benchmarks.asking import MODEL as NAME
from tests.benchmarks.asking import QUESTION

MODEL: Final = f"openai-compatible/{NAME}"
REQUEST: Final = ChatRequest(model=NAME, messages=(Message.user(QUESTION),))
LIMIT: Final = 2**20


class InstantExchange:
    """
    An exchange whose reply is already in memory.
    """

    def __init__(self, head: ReplyHead, chunks: list[bytes]) -> None:
        self.head = head
        self._remaining = iter([*chunks, b""])

    def read(self) -> bytes:
        return next(self._remaining)

    def read_all(self, limit: int) -> bytes:
        return b"".join(self._remaining)

    def close(self) -> None:
        """
        Do nothing.
        """


class InstantTransport:
    """
    Answers each call with a recorded reply, immediately.
    """

    def __init__(self, head: ReplyHead, chunks: list[bytes]) -> None:
        self.reply = head, chunks

    def open(self, call: HTTPCall, timing: Timing) -> InstantExchange:
        return InstantExchange(*self.reply)

    def interrupt(self, thread: int) -> None:
        """
        Do nothing.
        """

    def close(self) -> None:
        """
        Do nothing.
        """


class AsyncInstantExchange(InstantExchange):
    """
    The async variant.
    """

    async def read(self) -> bytes:
        return super().read()

    async def read_all(self, limit: int) -> bytes:
        return super().read_all(limit)

    async def close(self) -> None:
        """
        Do nothing.
        """


class AsyncInstantTransport(InstantTransport):
    """
    The async variant.
    """

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncInstantExchange:
        return AsyncInstantExchange(*self.reply)

    async def close(self) -> None:
        """
        Do nothing.
        """


class Layers:
    """
    The parts of a call; they can be run separately after a reply is recorded.

    Args:
        base_url: The URL of the server.
        transport: The name of the transport.
        streamed: Whether the reply is a stream.
    """

    def __init__(self, base_url: str, transport: str, *, streamed: bool) -> None:
        self.options: dict[str, Any] = {"base_url": base_url, "api_key": "none", "cache": False}
        self.name, self.streamed = transport, streamed
        instances = Instances(Settings.load())
        self.provider: Any = instances.build(PROVIDER, "openai-compatible", {"base_url": base_url}).implementation
        self.transports: Any = instances.build(TRANSPORT, transport).implementation
        self.call = self.encode()
        self.head = ReplyHead(0, {})
        self.chunks: list[bytes] = []

    def timing(self) -> Timing:
        return Timing(connect_timeout=5.0, idle_timeout=60.0, deadline=time.monotonic() + 600)

    def encode(self) -> HTTPCall:
        call: HTTPCall = self.provider.encode(REQUEST, stream=self.streamed)
        return call

    def decode(self) -> None:
        if self.streamed:
            decoder = self.provider.decoder(REQUEST, self.head)
            for chunk in self.chunks:
                decoder.feed(chunk)
            decoder.close()
        else:
            self.provider.decode(REQUEST, HTTPReply(self.head, b"".join(self.chunks)))


class BlockingLayers(Layers):
    """
    The parts of a call with blocking I/O.
    """

    def record(self) -> None:
        """
        Record the server's reply, in the chunks in which this transport returns it.
        """
        transport = self.transports.blocking()
        exchange = transport.open(self.call, self.timing())
        self.head, self.chunks = exchange.head, list(iter(exchange.read, b""))
        exchange.close()
        transport.close()

    def parts(self) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
        """
        Yield the name of each part, a function that runs it once, and one that ends it.
        """
        transport = self.transports.blocking()
        client = budwood.Client(MODEL, transport=self.name, **self.options)
        instant = budwood.Client(MODEL, transport=InstantTransport(self.head, self.chunks), **self.options)
        yield "whole call", lambda: self.ask(client), client.close
        yield "transport", lambda: self.carry(transport), transport.close
        yield "engine and provider", lambda: self.ask(instant), instant.close

    def ask(self, client: budwood.Client) -> None:
        if not self.streamed:
            client.ask(QUESTION)
            return
        with client.stream(QUESTION) as stream:
            for _ in stream:
                pass

    def carry(self, transport: Any) -> None:
        exchange = transport.open(self.call, self.timing())
        if self.streamed:
            while exchange.read():
                pass
        else:
            exchange.read_all(LIMIT)
        exchange.close()


class AsyncLayers(Layers):
    """
    The parts of a call with async I/O.
    """

    async def record(self) -> None:
        """
        Record the server's reply, in the chunks in which this transport returns it.
        """
        transport = self.transports.asynchronous()
        exchange = await transport.open(self.call, self.timing())
        self.head = exchange.head
        while chunk := await exchange.read():
            self.chunks.append(chunk)
        await exchange.close()
        await transport.close()

    def parts(self) -> Iterator[tuple[str, Callable[[], Awaitable[object]], Callable[[], Awaitable[object]]]]:
        """
        Yield the name of each part, a function that runs it once, and one that ends it.
        """
        transport = self.transports.asynchronous()
        client = budwood.AsyncClient(MODEL, transport=self.name, **self.options)
        instant = budwood.AsyncClient(MODEL, transport=AsyncInstantTransport(self.head, self.chunks), **self.options)
        yield "whole call", lambda: self.ask(client), client.close
        yield "transport", lambda: self.carry(transport), transport.close
        yield "engine and provider", lambda: self.ask(instant), instant.close

    async def ask(self, client: budwood.AsyncClient) -> None:
        if not self.streamed:
            await client.ask(QUESTION)
            return
        async with client.stream(QUESTION) as stream:
            async for _ in stream:
                pass

    async def carry(self, transport: Any) -> None:
        exchange = await transport.open(self.call, self.timing())
        if self.streamed:
            while await exchange.read():
                pass
        else:
            await exchange.read_all(LIMIT)
        await exchange.close()
