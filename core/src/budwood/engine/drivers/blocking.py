"""Perform flows with blocking I/O."""

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
    Start,
    Wait,
    make_closed_error,
    reject_emit,
)
from budwood.engine.drivers.latch import wake_when_set
from budwood.engine.drivers.transport_faults import convert
from budwood.errors import ConfigurationError
from budwood.plugins.faults import PluginSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budwood.contracts import Exchange
    from budwood.engine.drivers.group_member import GroupMember
    from budwood.engine.drivers.groups import StartedFlow
    from budwood.types import SavedReply

E = TypeVar("E")
T = TypeVar("T")

_Handlers = dict[type[Effect], Callable[[Any], Any]]


class BlockingDriver:
    """
    Performs effects in the calling thread, and those of `All` and `First` in other threads.

    Safe to use from several threads.

    Args:
        transport: Returns the transport; called for each request.
        clock: Sleeps and waits.

    Attributes:
        background: The abandoned flows that have not ended.
        started: The flows that run in the background.
        transport_source: The plugin that the transport comes from; None before there is one, or if it was supplied.
    """

    def __init__(self, transport: Callable[[], Transport], clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self.transport_source: PluginSource | None = None
        self.background: Final = Background()
        self.started: Final[set[StartedFlow]] = set()
        self._is_closed = False
        self._handlers: Final[_Handlers] = {
            Open: lambda effect: self._transport().open(effect.call, effect.timing),
            Read: lambda effect: effect.exchange.read(),
            ReadAll: lambda effect: effect.exchange.read_all(effect.limit),
            Save: _save,
            Close: lambda effect: effect.exchange.close(),
            Sleep: lambda effect: self._clock.sleep(effect.seconds),
            Invoke: _invoke,
            Start: self._start,
            Emit: reject_emit,
            **self._wait_handlers(None),
        }

    def effect_handlers(self, member: GroupMember) -> _Handlers:
        """Return the handlers of effects for a member of a group, whose waits end when it is abandoned."""
        return {**self._handlers, Sleep: lambda effect: self._sleep(effect, member), **self._wait_handlers(member)}

    def _wait_handlers(self, member: GroupMember | None) -> _Handlers:
        return {
            Wait: lambda effect: self._wait(effect, member),
            All: lambda effect: self._run_all(effect, member),
            First: lambda effect: self._run_first(effect, member),
        }

    def stream(self, flow: Flow[T]) -> FlowEvents[Any, T]:
        """Return an iterator that performs a flow as its events are read."""
        return FlowEvents(self, flow)

    def run(self, flow: Flow[T], error: BaseException | None = None) -> T:
        """Perform a flow to its end, and return its result; ``error`` is thrown into it first."""
        while True:
            outcome = self.advance(flow, error)
            if isinstance(outcome, Ended):
                result: T = outcome.result
                return result
            error = None

    def as_completed(self, flows: Iterable[Flow[T]], limit: int) -> Generator[tuple[int, T], None, None]:
        """Perform flows in parallel; yield the index and result of each, in the order in which they end."""
        from budwood.engine.drivers.groups import Group  # imported late: few programs run groups

        return Group(self, None).completed(flows, limit)

    def run_member(self, flow: Flow[T], member: GroupMember | None) -> T:
        """Perform a flow of `All` or `First` to its end; ``member`` knows whether it was abandoned."""
        result: T = cast("Ended", self.advance(flow, member=member, until=None)).result
        return result

    def advance(
        self,
        flow: Flow[Any],
        error: BaseException | None = None,
        member: GroupMember | None = None,
        until: type[Emit] | None = Emit,
    ) -> Emit | Ended:
        """Perform effects until the flow emits events or ends."""
        handlers = self._handlers if member is None else member.handlers
        try:
            effect = flow.send(None) if error is None else flow.throw(error)
            while type(effect) is not until:
                try:
                    if member is not None:
                        member.start_effect(effect)
                    result = handlers[type(effect)](effect)
                except BaseException as failure:  # noqa: BLE001 - whatever it is belongs to the flow
                    fault = convert(failure, effect, self.transport_source)
                    effect = flow.throw(fault if member is None else member.convert_failure(fault))
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            return Ended(stop.value)
        return effect

    def interrupt(self, thread: int) -> None:
        """End the wait of another thread."""
        self._transport().interrupt(thread)

    def close(self) -> None:
        """Abandon the flows that run in the background, and wait for all abandoned ones, at most `CLEANUP_SECONDS`."""
        self._is_closed = True
        for flow in self.started.copy():
            flow.cancel()
        self.background.wait()

    def _start(self, effect: Start) -> StartedFlow:
        from budwood.engine.drivers.groups import StartedFlow  # imported late: only calls with a cache start flows

        if self._is_closed:
            raise make_closed_error()
        return StartedFlow(self, effect)

    def _sleep(self, effect: Sleep, member: GroupMember) -> None:
        wake = threading.Event()
        with wake_when_set(wake.set, member.signal):
            self._clock.sleep(effect.seconds, wake=wake)
        _check_abandoned(member)

    def _wait(self, effect: Wait, member: GroupMember | None) -> bool:
        latch = effect.latch
        if latch.is_set:
            return True
        woken = threading.Event()
        with wake_when_set(woken.set, latch, None if member is None else member.signal):
            self._clock.wait(woken, effect.deadline)
        if not latch.is_set:
            _check_abandoned(member)
        return latch.is_set

    def _run_all(self, effect: All, member: GroupMember | None) -> list[Any]:
        flows = iter(effect.flows)
        first = list(islice(flows, 2))
        if len(first) < 2:
            return [self.run_member(flow, member) for flow in first]
        from budwood.engine.drivers.groups import Group  # imported late: few programs run groups

        return Group(self, member).run(chain(first, flows), effect.limit)

    def _run_first(self, effect: First, member: GroupMember | None) -> Any:  # noqa: ANN401 - any result of a flow
        flows = list(effect.flows)
        if len(flows) == 1:
            return self.run_member(flows[0], member)
        from budwood.engine.drivers.groups import Race

        return Race(self, member, effect.release).run_race(flows)


def _check_abandoned(member: GroupMember | None) -> None:
    """
    Check that the caller of a flow has not left.

    Raises:
        Abandoned: It has.
    """
    if member is not None and member.signal is not None and member.signal.is_set:
        raise Abandoned


def _save(effect: Save) -> SavedReply:
    from budwood.engine.drivers.reply_files import save_reply  # imported late: few programs save replies

    exchange = cast("Exchange", effect.exchange)
    return save_reply(exchange, effect.path, effect.limit, effect.kind)


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
        ready: Events that were emitted and not read yet. Taking one from here is the same as calling `next`.
        result: The result of the flow, once it has ended.
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
        """Wait for events, and return whether there are any before the end."""
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

    @property
    def is_ended(self) -> bool:
        """Whether the flow has ended, or was left early."""
        return self._flow is None

    def _end(self) -> None:
        self._flow = None
        if self._finalizer is not None:
            self._finalizer.detach()

    def close(self) -> None:
        """End the flow early, and close its connection. Closing twice is no error."""
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
    End a flow whose iterator was garbage-collected.

    This may run anywhere, also while this thread holds the lock of the connections to close. So another thread closes
    them, except at the end of the program, when no thread can be started.
    """
    try:
        threading.Thread(target=_leave, args=(driver, flow), name="budwood-dropped", daemon=True).start()
    except RuntimeError:
        _leave(driver, flow)
