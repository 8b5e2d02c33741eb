"""Perform the effects of calls, with blocking or async I/O."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from budwood.contracts import AsyncExchange, AsyncTransport, Exchange, Transport, Transports
from budwood.errors import ConfigurationError
from budwood.hooks import TRANSPORT
from budwood.types import MAX_REPLY_BYTES, HTTPReply
from budwood_server.client.effects import Emit, Fetch, Flow, Invoke, IOEffect, Open, Read, Sleep

if TYPE_CHECKING:
    from budwood.plugins import Instances
    from budwood.wire.loop_transports import LoopTransports
    from budwood_server.client.calls import Connection

T = TypeVar("T")

_AUTO: Final = "auto"
_DEFAULT: Final = "default"


def find_transports(instances: Instances) -> Transports:
    """
    Return what creates the transports that the settings name.

    Raises:
        PluginError: No transport has that name, or it cannot be used.
        ConfigurationError: Its settings are not valid.
    """
    name = instances.settings.transport or _AUTO
    transports: Transports = instances.build(TRANSPORT, _DEFAULT if name == _AUTO else name).implementation
    return transports


class Sender:
    """
    Performs calls with blocking I/O. Threads can share it.

    Args:
        connection: What the calls have in common.
        create_transport: Creates the transport, at the first call and again in a forked process.
    """

    def __init__(self, connection: Connection, create_transport: Callable[[], Transport]) -> None:
        self.connection = connection
        self._create_transport = create_transport
        self._transport: Transport | None = None
        self._process = os.getpid()
        self._inherited: Transport | None = None
        self._is_closed = False

    def run(self, flow: Flow[T]) -> T:
        """Perform a call to its end, and return its result."""
        stream = self.stream(flow)
        while True:
            try:
                next(stream)
            except StopIteration as stop:
                result: T = stop.value
                return result

    def stream(self, flow: Flow[T]) -> Generator[Any, None, T]:
        """Yield what a call emits, and return its result."""
        opened: list[Exchange] = []
        try:
            effect = next(flow)
            while True:
                if isinstance(effect, Emit):
                    yield from effect.items
                    effect = flow.send(None)
                    continue
                try:
                    result = self._perform(effect, opened)
                except Exception as error:  # noqa: BLE001 - whatever it is belongs to the flow
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            value: T = stop.value
            return value
        finally:
            flow.close()
            for exchange in opened:
                exchange.close()

    def close(self) -> None:
        """Close the connections. Closing twice is no error."""
        self._is_closed = True
        transport, self._transport = self._transport, None
        if transport is not None and self._process == os.getpid():
            transport.close()

    def _perform(self, effect: IOEffect, opened: list[Exchange]) -> object:
        match effect:
            case Fetch(call, timing):
                exchange = self._get_transport().open(call, timing)
                try:
                    return HTTPReply(exchange.head, exchange.read_all(MAX_REPLY_BYTES))
                finally:
                    exchange.close()
            case Open(call, timing):
                while opened:
                    opened.pop().close()
                opened.append(self._get_transport().open(call, timing))
                return opened[0].head
            case Read():
                return opened[0].read()
            case Sleep(seconds):
                self.connection.clock.sleep(seconds)
            case Invoke(function):
                return function()
        return None

    def _get_transport(self) -> Transport:
        if self._is_closed:
            raise _closed()
        if self._process != os.getpid():  # closing the connections here would affect the parent process
            self._inherited, self._transport, self._process = self._transport, None, os.getpid()
        if self._transport is None:
            self._transport = self._create_transport()
        return self._transport


class AsyncSender:
    """
    Performs calls with async I/O, in any number of event loops; see `Sender`.

    Args:
        connection: What the calls have in common.
        create_transport: Creates the transport of an event loop.
    """

    def __init__(self, connection: Connection, create_transport: Callable[[], AsyncTransport]) -> None:
        self.connection = connection
        self._create_transport = create_transport
        self._transports: LoopTransports | None = None
        self._process = os.getpid()
        self._inherited: LoopTransports | None = None
        self._is_closed = False

    async def run(self, flow: Flow[T]) -> T:
        """Perform a call to its end, and return its result."""
        results: list[T] = []
        async for _ in self.stream(flow, results):
            pass
        return results[0]

    async def stream(self, flow: Flow[T], results: list[T] | None = None) -> AsyncGenerator[Any, None]:
        """Yield what a call emits, and add its result to a list."""
        opened: list[AsyncExchange] = []
        try:
            effect = next(flow)
            while True:
                if isinstance(effect, Emit):
                    for item in effect.items:
                        yield item
                    effect = flow.send(None)
                    continue
                try:
                    result = await self._perform(effect, opened)
                except Exception as error:  # noqa: BLE001 - whatever it is belongs to the flow
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            if results is not None:
                results.append(stop.value)
        finally:
            flow.close()
            for exchange in opened:
                await exchange.close()

    async def close(self) -> None:
        """Close the connections. Closing twice is no error."""
        self._is_closed = True
        transports, self._transports = self._transports, None
        if transports is not None and self._process == os.getpid():
            await transports.close()

    async def _perform(self, effect: IOEffect, opened: list[AsyncExchange]) -> object:
        match effect:
            case Fetch(call, timing):
                exchange = await self._get_transport().open(call, timing)
                try:
                    return HTTPReply(exchange.head, await exchange.read_all(MAX_REPLY_BYTES))
                finally:
                    await exchange.close()
            case Open(call, timing):
                while opened:
                    await opened.pop().close()
                opened.append(await self._get_transport().open(call, timing))
                return opened[0].head
            case Read():
                return await opened[0].read()
            case Sleep(seconds):
                await self.connection.clock.sleep_async(seconds)
            case Invoke(function):
                return await _call_in_thread(function)
        return None

    def _get_transport(self) -> AsyncTransport:
        from budwood.wire.loop_transports import LoopTransports  # it imports asyncio

        if self._is_closed:
            raise _closed()
        if self._process != os.getpid():
            self._inherited, self._transports, self._process = self._transports, None, os.getpid()
        if self._transports is None:
            self._transports = LoopTransports(self._create_transport)
        return self._transports.get()


async def _call_in_thread(function: Callable[[], T]) -> T:
    import asyncio

    return await asyncio.to_thread(function)


def _closed() -> ConfigurationError:
    return ConfigurationError("The client is closed.", hint="Create another one.")
