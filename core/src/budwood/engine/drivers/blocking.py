"""Drive flows with blocking I/O."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from budwood.contracts import Clock, Transport
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
    Read,
    ReadAll,
    Save,
    Sleep,
)
from budwood.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    from budwood.contracts import Exchange
    from budwood.types import SavedReply

E = TypeVar("E")
T = TypeVar("T")

_INTERRUPTS: Final = 100
_INTERRUPT_SECONDS: Final = 0.05
"""
Abandoned threads are interrupted so often, with such pauses. Once is not enough: a thread that connects or prepares a
call has no socket yet that could be shut down.
"""


class BlockingDriver:
    """
    Performs effects in the calling thread, and `All` in threads of its own. Safe to use from several threads.

    Args:
        transport: Makes the transport when the first call is sent.
        clock: Sleeps.
    """

    def __init__(self, transport: Callable[[], Transport], clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._perform: Final[dict[type[Effect], Callable[[Any], Any]]] = {
            Open: lambda effect: self._transport().open(effect.call, effect.timing),
            Read: lambda effect: effect.exchange.read(),
            ReadAll: lambda effect: effect.exchange.read_all(effect.limit),
            Save: _save,
            Close: lambda effect: effect.exchange.close(),
            Invoke: _invoke,
            All: self._run_all,
        }

    def run(self, flow: Flow[T]) -> T:
        """Perform a flow to its end, and return its result."""
        return self.finish(flow)

    def stream(self, flow: Flow[T]) -> FlowEvents[Any, T]:
        """Perform a flow, event by event as the caller reads them."""
        return FlowEvents(self, flow)

    def finish(self, flow: Flow[T], error: BaseException | None = None, abandoned: threading.Event | None = None) -> T:
        """
        Perform what is left of a flow.

        Args:
            flow: Where it stands.
            error: Thrown in first.
            abandoned: Once set, the flow is abandoned before its next effect.
        """
        while True:
            outcome = self.advance(flow, error, abandoned)
            if isinstance(outcome, Ended):
                result: T = outcome.result
                return result
            error = None

    def advance(
        self, flow: Flow[Any], error: BaseException | None = None, abandoned: threading.Event | None = None
    ) -> Emit | Ended:
        """Perform effects until there are events to hand out, or the flow has ended."""
        try:
            effect = flow.send(None) if error is None else flow.throw(error)
            while type(effect) is not Emit:
                try:
                    if abandoned is not None and abandoned.is_set():
                        abandoned = None
                        effect = flow.throw(Abandoned())
                        continue
                    result = self._performed(effect, abandoned)
                except BaseException as failure:  # noqa: BLE001 - whatever it is belongs to the flow
                    effect = flow.throw(failure)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            return Ended(stop.value)
        return effect

    def _performed(self, effect: Effect, abandoned: threading.Event | None) -> object:
        """Perform one effect. In a group's thread a pause ends when the group is abandoned."""
        if type(effect) is not Sleep:
            return self._perform[type(effect)](effect)
        self._clock.sleep(effect.seconds, wake=abandoned)
        return None

    def interrupt(self, thread: int) -> None:
        """End what another thread waits for."""
        self._transport().interrupt(thread)

    def _run_all(self, effect: All) -> list[Any]:
        flows = iter(effect.flows)
        first = next(flows, None)
        if first is None:
            return []
        second = next(flows, None)
        if second is None:
            return [self.finish(first)]
        return _Group(self, effect.limit).run(_chain(first, second, flows))


def _chain(first: Flow[Any], second: Flow[Any], rest: Iterator[Flow[Any]]) -> Iterator[Flow[Any]]:
    yield first
    yield second
    yield from rest


def _save(effect: Save) -> SavedReply:
    from budwood.engine.drivers.saving import save_reply  # not above: few programs save replies

    exchange = cast("Exchange", effect.exchange)
    return save_reply(exchange, effect.path, effect.limit)


def _invoke(effect: Invoke) -> object:
    if effect.awaitable:
        raise ConfigurationError(
            f"{getattr(effect.function, '__name__', 'A callable')} is async, and Client cannot await it.",
            hint="Use AsyncClient.",
        )
    return effect.function()


class _Group:
    """Flows that run side by side, each in a thread."""

    def __init__(self, driver: BlockingDriver, limit: int | None) -> None:
        self._driver = driver
        self._limit = limit or 32
        self._abandoned = threading.Event()
        self._threads: set[int] = set()

    def run(self, flows: Iterator[Flow[Any]]) -> list[Any]:
        from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait  # not above: few programs run groups

        results: dict[int, Any] = {}
        running: dict[Future[Any], int] = {}
        waiting = enumerate(flows)
        pool = ThreadPoolExecutor(self._limit, thread_name_prefix="budwood")
        try:
            self._start(pool, waiting, running)
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    results[running.pop(future)] = future.result()
                self._start(pool, waiting, running)
        except BaseException:
            self._abandon(running)
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return [results[place] for place in sorted(results)]

    def _start(
        self, pool: ThreadPoolExecutor, waiting: Iterator[tuple[int, Flow[Any]]], running: dict[Future[Any], int]
    ) -> None:
        """Start as many flows as there is room for."""
        for place, flow in islice(waiting, self._limit - len(running)):
            running[pool.submit(contextvars.copy_context().run, self._one, flow)] = place

    def _one(self, flow: Flow[Any]) -> object:
        identifier = threading.get_ident()
        self._threads.add(identifier)
        try:
            return self._driver.finish(flow, abandoned=self._abandoned)
        finally:
            self._threads.discard(identifier)

    def _abandon(self, running: dict[Future[Any], int]) -> None:
        from concurrent.futures import wait

        self._abandoned.set()
        for future in running:
            future.cancel()
        for _ in range(_INTERRUPTS):
            for thread in tuple(self._threads):
                self._driver.interrupt(thread)
            if not wait(running, timeout=_INTERRUPT_SECONDS).not_done:
                return


class FlowEvents(Generic[E, T]):
    """
    An iterator over the events of a flow.

    Attributes:
        ready: Events that have come and were not read yet. Taking one from here is as good as asking for the next.
        result: What the flow returned, once it is at its end.
    """

    def __init__(self, driver: BlockingDriver, flow: Flow[T]) -> None:
        self._driver = driver
        self._flow: Flow[T] | None = flow
        self._finalizer: weakref.finalize[..., FlowEvents[E, T]] | None = None
        self.ready: Final[deque[E]] = deque()
        self.result: T | None = None

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        if self.ready or self.more():
            return self.ready.popleft()
        raise StopIteration

    def more(self) -> bool:
        """Wait until events are ready, and tell whether any came before the end."""
        while not self.ready and (flow := self._flow) is not None:
            if self._finalizer is None:
                self._finalizer = weakref.finalize(self, _dropped, self._driver, flow)
            try:
                outcome = self._driver.advance(flow)
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

    def close(self) -> None:
        """Leave: end the flow where it stands, and with it its connection. Closing twice is no error."""
        flow = self._flow
        self._end()
        self.ready.clear()
        if flow is not None:
            _leave(self._driver, flow)


def _leave(driver: BlockingDriver, flow: Flow[Any]) -> None:
    with contextlib.suppress(Abandoned):
        driver.finish(flow, Abandoned())


def _dropped(driver: BlockingDriver, flow: Flow[Any]) -> None:
    """
    End a flow whose events nobody can read any more.

    This may run wherever garbage is collected, also while this thread holds the lock of the connections that are to be
    closed: so another thread closes them, but for the end of the program, when no thread can be started.
    """
    try:
        threading.Thread(target=_leave, args=(driver, flow), name="budwood-dropped", daemon=True).start()
    except RuntimeError:
        _leave(driver, flow)
