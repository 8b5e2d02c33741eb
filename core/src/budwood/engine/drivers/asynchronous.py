"""Perform flows with async I/O, on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import warnings
import weakref
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from budwood.contracts import AsyncExchange, AsyncTransport, Clock
from budwood.engine.drivers.async_groups import BackgroundTasks, Group, Race, StartedTask
from budwood.engine.drivers.effects import (
    CLEANUP_SECONDS,
    Abandoned,
    All,
    Close,
    Effect,
    Emit,
    Ended,
    First,
    Flow,
    Invoke,
    InvokeTimeout,
    Open,
    Read,
    ReadAll,
    Save,
    Sleep,
    Start,
    Wait,
    reject_emit,
)
from budwood.engine.drivers.threads import call_in_thread
from budwood.engine.drivers.transport_faults import convert
from budwood.plugins.faults import PluginSource

if TYPE_CHECKING:
    from budwood.types import SavedReply

E = TypeVar("E")
T = TypeVar("T")


class AsyncDriver:
    """
    Performs effects on the running event loop. Safe to use from several loops and threads.

    Args:
        transport: Returns the transport of the running loop; called for each request.
        clock: Sleeps and waits.

    Attributes:
        background: The tasks of abandoned flows that have not ended.
        transport_source: The plugin that the transport comes from; None before there is one, or if it was supplied.
    """

    def __init__(self, transport: Callable[[], AsyncTransport], clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self.transport_source: PluginSource | None = None
        self.background: Final = BackgroundTasks()
        self._handlers: Final[dict[type[Effect], Callable[[Any], Coroutine[Any, Any, Any]]]] = {
            Open: lambda effect: self._transport().open(effect.call, effect.timing),
            Read: lambda effect: effect.exchange.read(),
            ReadAll: lambda effect: effect.exchange.read_all(effect.limit),
            Save: _save,
            Close: lambda effect: effect.exchange.close(),
            Sleep: lambda effect: self._clock.sleep_async(effect.seconds),
            Invoke: _invoke,
            Wait: self._wait,
            Start: self._start,
            All: self._run_all,
            First: self._run_first,
            Emit: _reject_emit,
        }

    def stream(self, flow: Flow[T]) -> AsyncFlowEvents[Any, T]:
        """Return an async iterator that performs a flow as its events are read."""
        return AsyncFlowEvents(self, flow)

    async def run(self, flow: Flow[T], error: BaseException | None = None) -> T:
        """Perform a flow to its end, and return its result; ``error`` is thrown into it first."""
        while True:
            outcome = await self.advance(flow, error)
            if isinstance(outcome, Ended):
                result: T = outcome.result
                return result
            error = None

    def as_completed(
        self, flows: Iterable[Flow[T]] | AsyncIterable[Flow[T]], limit: int
    ) -> AsyncGenerator[tuple[int, T], None]:
        """Perform flows in parallel; yield the index and result of each, in the order in which they end."""
        if isinstance(flows, AsyncIterable):
            return Group(self).completed_from(flows, limit)
        return Group(self).completed(flows, limit)

    async def run_member(self, flow: Flow[T]) -> T:
        """Perform a flow of `All` or `First` to its end."""
        result: T = cast("Ended", await self.advance(flow, until=None)).result
        return result

    async def advance(
        self,
        flow: Flow[Any],
        error: BaseException | None = None,
        until: type[Emit] | None = Emit,
    ) -> Emit | Ended:
        """Perform effects until the flow emits events or ends."""
        handlers = self._handlers
        is_ending = error is not None
        try:
            effect = flow.send(None) if error is None else flow.throw(error)
            while type(effect) is not until:
                try:
                    pending = handlers[type(effect)](effect)
                    result = await (_shield(pending) if is_ending else pending)
                except GeneratorExit:  # this coroutine is being closed, so that it cannot await what the flow yields
                    _end_flow(flow)
                    raise
                except BaseException as failure:  # noqa: BLE001 - whatever it is belongs to the flow
                    is_ending = is_ending or isinstance(failure, asyncio.CancelledError)
                    effect = flow.throw(convert(failure, effect, self.transport_source))
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            return Ended(stop.value)
        return effect

    async def close(self) -> None:
        """Abandon the flows that run in the background, and wait for all abandoned ones of this event loop."""
        await self.background.close()

    async def _start(self, effect: Start) -> StartedTask:
        return self.background.start_flow(lambda: self.run_member(effect.flow), effect.ended)

    async def _wait(self, effect: Wait) -> bool:
        latch = effect.latch
        if latch.is_set:
            return True
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed, so no task waits
                loop.call_soon_threadsafe(_resolve, woken)

        latch.add_waker(wake)
        try:
            await self._clock.wait_async(woken, effect.deadline)
        finally:
            latch.remove_waker(wake)
        return latch.is_set

    async def _run_all(self, effect: All) -> list[Any]:
        flows = iter(effect.flows)
        first = list(islice(flows, 2))
        if len(first) < 2:
            return [await self.run_member(flow) for flow in first]
        return await Group(self).run(chain(first, flows), effect.limit)

    async def _run_first(self, effect: First) -> Any:  # noqa: ANN401 - any result of a flow
        flows = list(effect.flows)
        if len(flows) == 1:
            return await self.run_member(flows[0])
        return await Race(self, effect.release).run_race(flows)


async def _reject_emit(effect: Emit) -> None:
    reject_emit(effect)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _shield(pending: Coroutine[Any, Any, T]) -> T:
    """Perform an effect although the task was cancelled, for at most `CLEANUP_SECONDS`."""

    async def run_bounded() -> T:
        async with asyncio.timeout(CLEANUP_SECONDS):
            return await pending

    task = asyncio.ensure_future(run_bounded())
    task.add_done_callback(lambda _: pending.close())  # a loop that shuts down cancels it, maybe before its first step
    return await asyncio.shield(task)


async def _save(effect: Save) -> SavedReply:
    from budwood.engine.drivers.reply_files import save_reply_async  # imported late: few programs save replies

    exchange = cast("AsyncExchange", effect.exchange)
    return await save_reply_async(exchange, effect.path, effect.limit, effect.kind)


async def _invoke(effect: Invoke) -> object:
    if effect.timeout is None:
        return await _call_function(effect)
    bound = asyncio.timeout(effect.timeout)
    try:
        async with bound:
            return await _call_function(effect)
    except TimeoutError:
        if bound.expired():
            raise InvokeTimeout from None
        raise


async def _call_function(effect: Invoke) -> object:
    if effect.awaitable:
        return await effect.function()
    result = effect.function() if effect.inline else await call_in_thread(effect.function)
    return await result if inspect.isawaitable(result) else result  # a plain function may wrap an async one


class AsyncFlowEvents(Generic[E, T]):
    """
    An async iterator over the events of a flow.

    Attributes:
        ready: Events that were emitted and not read yet. Taking one from here is the same as awaiting `anext`.
        result: The result of the flow, once it has ended.
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
        """Wait for events, and return whether there are any before the end."""
        while not self.ready and (flow := self._flow) is not None:
            if self._finalizer is None:
                self._finalizer = weakref.finalize(self, _end_unread, flow, asyncio.get_running_loop())
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

    @property
    def is_ended(self) -> bool:
        """Whether the flow has ended, or was left early."""
        return self._flow is None

    def _end(self) -> None:
        self._flow = None
        if self._finalizer is not None:
            self._finalizer.detach()

    async def close(self) -> None:
        """End the flow early, and close its connection. Closing twice is no error."""
        flow = self._flow
        self._end()
        self.ready.clear()
        if flow is None:
            return
        with contextlib.suppress(Abandoned):
            await self._driver.run(flow, Abandoned())


_closing: Final[set[asyncio.Task[None]]] = set()
"""The loop itself has weak references to tasks only."""


def _end_unread(flow: Flow[Any], loop: asyncio.AbstractEventLoop) -> None:
    """
    End a flow whose iterator was garbage-collected.

    This may run anywhere, also while an observer holds a lock that ending the flow would wait for. So the loop ends it
    later; if the loop no longer runs, this thread does.
    """
    if loop.is_running():
        loop.call_soon_threadsafe(_end_and_close, flow, loop)
    else:
        _end_flow(flow)
    warnings.warn("A stream was dropped before its end. Open it with `async with`.", ResourceWarning, stacklevel=2)


def _end_and_close(flow: Flow[Any], loop: asyncio.AbstractEventLoop) -> None:
    for exchange in _end_flow(flow):
        _close(loop, exchange)


def _end_flow(flow: Flow[Any]) -> list[AsyncExchange]:
    """End a flow without performing its effects, and return the exchanges that it would have closed."""
    exchanges: list[AsyncExchange] = []
    with contextlib.suppress(Abandoned, StopIteration):
        effect = flow.throw(Abandoned())
        while True:
            if isinstance(effect, Close):
                exchanges.append(cast("AsyncExchange", effect.exchange))
            effect = flow.send(None)
    return exchanges


def _close(loop: asyncio.AbstractEventLoop, exchange: AsyncExchange) -> None:
    task = loop.create_task(_close_exchange(exchange))
    _closing.add(task)
    task.add_done_callback(_closing.discard)


async def _close_exchange(exchange: AsyncExchange) -> None:
    await exchange.close()
