"""Drive flows with blocking I/O."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from budwood.contracts import Clock, Transport
from budwood.engine.drivers.background import Background
from budwood.engine.drivers.effects import (
    Abandoned,
    All,
    Close,
    Effect,
    Emit,
    Ended,
    First,
    Flow,
    Invoke,
    Open,
    Read,
    ReadAll,
    Save,
    Sleep,
    Wait,
    refuse_emit,
)
from budwood.engine.drivers.latch import waking
from budwood.engine.drivers.transport_faults import convert
from budwood.errors import ConfigurationError
from budwood.plugins.faults import PluginSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budwood.contracts import Exchange
    from budwood.engine.drivers.sides import Side
    from budwood.types import SavedReply

E = TypeVar("E")
T = TypeVar("T")

_Perform = dict[type[Effect], Callable[[Any], Any]]


class BlockingDriver:
    """
    Performs effects in the calling thread, `All` and `First` in threads of its own. Safe to use from several threads.

    Args:
        transport: Makes the transport when the first call is sent.
        clock: Sleeps.

    Attributes:
        background: The flows that were abandoned and have yet to end.
        transport_source: The plugin that the transport comes from; None before there is one, or if it was supplied.
    """

    def __init__(self, transport: Callable[[], Transport], clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self.transport_source: PluginSource | None = None
        self.background: Final = Background()
        self._perform: Final[_Perform] = {
            Open: lambda effect: self._transport().open(effect.call, effect.timing),
            Read: lambda effect: effect.exchange.read(),
            ReadAll: lambda effect: effect.exchange.read_all(effect.limit),
            Save: _save,
            Close: lambda effect: effect.exchange.close(),
            Sleep: lambda effect: self._clock.sleep(effect.seconds),
            Invoke: _invoke,
            Emit: refuse_emit,
            **self._waiting(None),
        }

    def performers(self, side: Side) -> _Perform:
        """Return what performs the effects of a flow that runs beside others: abandoning it ends its waiting."""
        return {**self._perform, Sleep: lambda effect: self._sleep(effect, side), **self._waiting(side)}

    def _waiting(self, side: Side | None) -> _Perform:
        return {
            Wait: lambda effect: self._wait(effect, side),
            All: lambda effect: self._run_all(effect, side),
            First: lambda effect: self._run_first(effect, side),
        }

    def stream(self, flow: Flow[T]) -> FlowEvents[Any, T]:
        """Perform a flow, event by event as the caller reads them."""
        return FlowEvents(self, flow)

    def run(self, flow: Flow[T], error: BaseException | None = None) -> T:
        """Perform a flow to its end, and return its result; ``error`` is thrown in first."""
        while True:
            outcome = self.advance(flow, error)
            if isinstance(outcome, Ended):
                result: T = outcome.result
                return result
            error = None

    def as_completed(self, flows: Iterable[Flow[T]], limit: int) -> Generator[tuple[int, T], None, None]:
        """Perform flows side by side; yield each result with its place, in the order in which the flows end."""
        from budwood.engine.drivers.groups import Group  # not above: few programs run groups

        return Group(self, None).completed(flows, limit)

    def finish_side(self, flow: Flow[T], side: Side | None) -> T:
        """Perform a flow of `All` or `First` to its end; ``side`` tells whether it is abandoned."""
        result: T = cast("Ended", self.advance(flow, side=side, until=None)).result
        return result

    def advance(
        self,
        flow: Flow[Any],
        error: BaseException | None = None,
        side: Side | None = None,
        until: type[Emit] | None = Emit,
    ) -> Emit | Ended:
        """Perform effects until there are events to hand out, or the flow has ended."""
        perform = self._perform if side is None else side.perform
        try:
            effect = flow.send(None) if error is None else flow.throw(error)
            while type(effect) is not until:
                try:
                    if side is not None:
                        side.enter(effect)
                    result = perform[type(effect)](effect)
                except BaseException as failure:  # noqa: BLE001 - whatever it is belongs to the flow
                    fault = convert(failure, effect, self.transport_source)
                    effect = flow.throw(fault if side is None else side.fail(fault))
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            return Ended(stop.value)
        return effect

    def interrupt(self, thread: int) -> None:
        """End what another thread waits for."""
        self._transport().interrupt(thread)

    def close(self) -> None:
        """Wait until the flows that were abandoned have ended, but no longer than for their cleaning up."""
        self.background.wait()

    def _sleep(self, effect: Sleep, side: Side) -> None:
        wake = threading.Event()
        with waking(wake.set, side.signal):
            self._clock.sleep(effect.seconds, wake=wake)
        _check(side)

    def _wait(self, effect: Wait, side: Side | None) -> bool:
        latch = effect.latch
        if latch.is_set:
            return True
        woken = threading.Event()
        with waking(woken.set, latch, None if side is None else side.signal):
            self._clock.wait(woken, effect.deadline)
        if not latch.is_set:
            _check(side)
        return latch.is_set

    def _run_all(self, effect: All, side: Side | None) -> list[Any]:
        flows = iter(effect.flows)
        first = list(islice(flows, 2))
        if len(first) < 2:
            return [self.finish_side(flow, side) for flow in first]
        from budwood.engine.drivers.groups import Group  # not above: few programs run groups

        return Group(self, side).run(chain(first, flows), effect.limit)

    def _run_first(self, effect: First, side: Side | None) -> Any:  # noqa: ANN401 - whatever the winner returns
        flows = list(effect.flows)
        if len(flows) == 1:
            return self.finish_side(flows[0], side)
        from budwood.engine.drivers.groups import Race

        return Race(self, side, effect.release).win(flows)


def _check(side: Side | None) -> None:
    """
    See whether a flow waits on.

    Raises:
        Abandoned: Its caller has left.
    """
    if side is not None and side.signal is not None and side.signal.is_set:
        raise Abandoned


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
                self._finalizer = weakref.finalize(self, _end_unread, self._driver, flow)
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
        """End the flow early, and with it its connection. Closing twice is no error."""
        flow = self._flow
        self._end()
        self.ready.clear()
        if flow is not None:
            _leave(self._driver, flow)


def _leave(driver: BlockingDriver, flow: Flow[Any]) -> None:
    with contextlib.suppress(Abandoned):
        driver.run(flow, Abandoned())


def _end_unread(driver: BlockingDriver, flow: Flow[Any]) -> None:
    """
    End a flow whose reader was garbage-collected.

    This may run wherever garbage is collected, also while this thread holds the lock of the connections that are to be
    closed: so another thread closes them, but for the end of the program, when no thread can be started.
    """
    try:
        threading.Thread(target=_leave, args=(driver, flow), name="budwood-dropped", daemon=True).start()
    except RuntimeError:
        _leave(driver, flow)
