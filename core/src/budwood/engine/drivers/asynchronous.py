"""Drive flows with async I/O, on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import warnings
import weakref
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from budwood.contracts import AsyncExchange, AsyncTransport, Clock
from budwood.engine.drivers.effects import (
    Abandoned,
    All,
    Close,
    Effect,
    Emit,
    Ended,
    Flow,
    Invoke,
    Open,
    Overdue,
    Read,
    ReadAll,
    Save,
    Sleep,
)

if TYPE_CHECKING:
    from budwood.types import SavedReply

E = TypeVar("E")
T = TypeVar("T")

_CLEANUP_PATIENCE: Final = 5.0
"""Seconds that the effects of a flow's ``finally`` clauses get after it was cancelled."""


class AsyncDriver:
    """
    Performs effects on the event loop.

    Args:
        transport: Makes the transport when the first call is sent.
        clock: Sleeps.
    """

    def __init__(self, transport: Callable[[], AsyncTransport], clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._perform: Final[dict[type[Effect], Callable[[Any], Awaitable[Any]]]] = {
            Open: lambda effect: self._transport().open(effect.call, effect.timing),
            Read: lambda effect: effect.exchange.read(),
            ReadAll: lambda effect: effect.exchange.read_all(effect.limit),
            Save: _save,
            Close: lambda effect: effect.exchange.close(),
            Sleep: lambda effect: self._clock.sleep_async(effect.seconds),
            Invoke: _invoke,
            All: self._run_all,
        }

    async def run(self, flow: Flow[T]) -> T:
        """Perform a flow to its end, and return its result."""
        return await self.finish(flow)

    def stream(self, flow: Flow[T]) -> AsyncFlowEvents[Any, T]:
        """Perform a flow, event by event as the caller reads them."""
        return AsyncFlowEvents(self, flow)

    async def finish(self, flow: Flow[T], error: BaseException | None = None) -> T:
        """Perform what is left of a flow; ``error`` is thrown in first."""
        while True:
            outcome = await self.advance(flow, error)
            if isinstance(outcome, Ended):
                result: T = outcome.result
                return result
            error = None

    async def advance(self, flow: Flow[Any], error: BaseException | None = None) -> Emit | Ended:
        """Perform effects until there are events to hand out, or the flow has ended."""
        perform = self._perform
        leaving = error is not None
        try:
            effect = flow.send(None) if error is None else flow.throw(error)
            while type(effect) is not Emit:
                try:
                    pending = perform[type(effect)](effect)
                    result = await (_shielded(pending) if leaving else pending)
                except BaseException as failure:  # noqa: BLE001 - whatever it is belongs to the flow
                    leaving = leaving or isinstance(failure, asyncio.CancelledError)
                    effect = flow.throw(failure)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            return Ended(stop.value)
        return effect

    async def _run_all(self, effect: All) -> list[Any]:
        flows = iter(effect.flows)
        results: list[Any] = []
        running: dict[asyncio.Task[Any], int] = {}
        try:
            exhausted = False
            while running or not exhausted:
                while not exhausted and (effect.limit is None or len(running) < effect.limit):
                    flow = next(flows, None)
                    if flow is None:
                        exhausted = True
                    else:
                        results.append(None)
                        running[asyncio.create_task(self.finish(flow))] = len(results) - 1
                if running:
                    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        results[running.pop(task)] = task.result()
        finally:
            for task in running:
                task.cancel()
            if running:
                await asyncio.gather(*running, return_exceptions=True)
        return results


async def _shielded(pending: Awaitable[T]) -> T:
    """Perform an effect to its end although the task was cancelled, but not for ever."""

    async def bounded() -> T:
        async with asyncio.timeout(_CLEANUP_PATIENCE):
            return await pending

    return await asyncio.shield(asyncio.ensure_future(bounded()))


async def _save(effect: Save) -> SavedReply:
    from budwood.engine.drivers.saving import save_reply_async  # not above: few programs save replies

    exchange = cast("AsyncExchange", effect.exchange)
    return await save_reply_async(exchange, effect.path, effect.limit)


async def _invoke(effect: Invoke) -> object:
    if effect.timeout is None:
        return await _invoked(effect)
    bound = asyncio.timeout(effect.timeout)
    try:
        async with bound:
            return await _invoked(effect)
    except TimeoutError:
        if bound.expired():
            raise Overdue from None
        raise


async def _invoked(effect: Invoke) -> object:
    if effect.awaitable:
        return await effect.function()
    result = effect.function() if effect.inline else await asyncio.to_thread(_called, effect.function)
    return await result if inspect.isawaitable(result) else result  # a plain function may wrap an async one


def _called(function: Callable[[], object]) -> object:
    """Call a function in a thread. A future takes no `StopIteration`: whoever awaits it would wait for ever."""
    try:
        return function()
    except StopIteration as stop:
        raise RuntimeError(f"StopIteration: {stop}") from stop


class AsyncFlowEvents(Generic[E, T]):
    """
    An async iterator over the events of a flow.

    Attributes:
        ready: Events that have come and were not read yet. Taking one from here is as good as awaiting it.
        result: What the flow returned, once it is at its end.
    """

    def __init__(self, driver: AsyncDriver, flow: Flow[T]) -> None:
        self._driver = driver
        self._flow: Flow[T] | None = flow
        self._finalizer: weakref.finalize[..., AsyncFlowEvents[E, T]] | None = None
        self.ready: Final[deque[E]] = deque()
        self.result: T | None = None

    def __aiter__(self) -> AsyncIterator[E]:
        return self

    async def __anext__(self) -> E:
        if self.ready or await self.more():
            return self.ready.popleft()
        raise StopAsyncIteration

    async def more(self) -> bool:
        """Wait until events are ready, and tell whether any came before the end."""
        while not self.ready and (flow := self._flow) is not None:
            if self._finalizer is None:
                self._finalizer = weakref.finalize(self, _dropped, flow, asyncio.get_running_loop())
            try:
                outcome = await self._driver.advance(flow)
            except BaseException:
                self._end()
                raise
            if isinstance(outcome, Emit):
                self.ready.extend(cast("Sequence[E]", outcome.events))
            else:
                self._end()
                self.result = outcome.result
        return bool(self.ready)

    def _end(self) -> None:
        self._flow = None
        if self._finalizer is not None:
            self._finalizer.detach()

    async def close(self) -> None:
        """Leave: end the flow where it stands, and with it its connection. Closing twice is no error."""
        flow = self._flow
        self._end()
        self.ready.clear()
        if flow is None:
            return
        with contextlib.suppress(Abandoned):
            await self._driver.finish(flow, Abandoned())


_closing: Final[set[asyncio.Task[None]]] = set()
"""The loop itself keeps no task alive."""


def _dropped(flow: Flow[Any], loop: asyncio.AbstractEventLoop) -> None:
    """End a flow whose events nobody can read any more; nobody waits, so the loop closes its connection by the way."""
    for exchange in _ended(flow):
        if loop.is_running():
            loop.call_soon_threadsafe(_close, loop, exchange)
    warnings.warn("A stream was dropped before its end. Open it by `async with`.", ResourceWarning, stacklevel=2)


def _ended(flow: Flow[Any]) -> list[AsyncExchange]:
    """End a flow without performing what it asks for, and return what it wanted closed."""
    exchanges: list[AsyncExchange] = []
    with contextlib.suppress(Abandoned, StopIteration):
        effect = flow.throw(Abandoned())
        while True:
            if isinstance(effect, Close):
                exchanges.append(cast("AsyncExchange", effect.exchange))
            effect = flow.send(None)
    return exchanges


def _close(loop: asyncio.AbstractEventLoop, exchange: AsyncExchange) -> None:
    task = loop.create_task(_closed(exchange))
    _closing.add(task)
    task.add_done_callback(_closing.discard)


async def _closed(exchange: AsyncExchange) -> None:
    await exchange.close()
