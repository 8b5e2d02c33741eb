"""
Requests that equal calls share while they are under way.

The first call starts the request, which runs in the background of the client. All calls follow it: they emit its events
and return its reply. Each has its own deadline and can be cancelled. The request ends when the last one has left.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from budwood.engine.caching.shared_errors import concerns_one_call, copy_error, may_succeed
from budwood.engine.drivers.effects import Abandoned, Emit, Flow, Running
from budwood.engine.drivers.latch import Latch
from budwood.errors import BudgetExceededError, ProviderError
from budwood.wire.errors import deadline_error

if TYPE_CHECKING:
    from budwood.engine.pipeline.call import Call
    from budwood.types import StreamEvent

CHECK_SECONDS: Final = 5.0
"""Seconds of waiting after which a call checks that the request is still performed; see `Flight.check_running`."""


class Flight:
    """
    A request that calls share.

    Args:
        call: The call that starts it.

    Attributes:
        call: The call that sends the request: a copy of the first one, with attempts, a deadline and a use of the
            cache of its own. The deadline is the latest one of the calls that share the request.
        ended: Set when the request has ended.
        payer: The call that is charged for the request: the first one of those that follow it to the end.
    """

    def __init__(self, call: Call) -> None:
        cache = None if call.cache is None else replace(call.cache)
        self.call = replace(
            call,
            attempts=[],
            adaptations={},
            timing=replace(call.timing),
            partial=None,
            is_shared=True,
            cache=cache,
        )
        self.ended = Latch()
        self.payer: Call | None = None
        self._lock = threading.Lock()
        self._running: Running | None = None
        self._changed = Latch()
        self._members: dict[int, Call] = {}
        self._batches: list[Sequence[StreamEvent]] = []
        self._is_closed = False
        self._is_overdue = False
        self._reply: Any = None
        self._error: BaseException | None = None

    def join(self, call: Call) -> bool:
        """Add a call. Return whether that was possible: the request is performed, and was not cancelled."""
        with self._lock:
            if self._is_closed or (self._running is not None and not self._running.is_alive()):
                return False
            self._members[id(call)] = call
            self.call.timing.deadline = max(self.call.timing.deadline, call.timing.deadline)
            return True

    def leave(self, call: Call, *, is_overdue: bool = False) -> bool:
        """
        Remove a call. The last one cancels the request, and is charged for it.

        Returns:
            Whether it was the last one.
        """
        with self._lock:
            self._members.pop(id(call), None)
            if self._is_closed or self._members:
                return False
            self._is_closed, self._is_overdue, self.payer = True, is_overdue, call
            if is_overdue:
                self.call.timing.deadline = call.timing.deadline
            running = self._running
        if running is not None:
            running.cancel()
        return True

    def begin(self, running: Running) -> None:
        """Store the background flow, which is cancelled when the last call leaves."""
        with self._lock:
            self._running = running
            is_left = self._is_closed
        if is_left:
            running.cancel()

    def pump(self, flow: Flow[Any]) -> Flow[None]:
        """Perform the flow of the request. Its events, and its reply or error, are for the calls that follow it."""
        is_left = False
        try:
            effect = flow.send(None)
            while True:
                if self.ended.is_set and not is_left:  # a call has found that nothing performs it; see `check_running`
                    is_left = True
                    effect = flow.throw(Abandoned())
                    continue
                if type(effect) is Emit:
                    self._append(cast("Sequence[StreamEvent]", effect.events))
                    effect = flow.send(None)
                    continue
                try:
                    result = yield effect
                except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the flow
                    effect = flow.throw(self._convert(error))
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            self.end(stop.value, None)
        except BaseException as error:
            self.end(None, error)
            if not isinstance(error, Exception):
                raise

    def read(self, position: int) -> tuple[Sequence[Sequence[StreamEvent]], Latch | None]:
        """
        Return the events from a position on.

        Returns:
            The batches of events, and a latch that is set when there are more; None at the end.
        """
        with self._lock:
            return self._batches[position:], None if self.ended.is_set else self._changed

    def end(self, reply: object, error: BaseException | None) -> None:
        """End the request, unless it has ended."""
        with self._lock:
            if self.ended.is_set:
                return
            self._is_closed = True
            self._reply, self._error = reply, error
            self.payer = self.payer or next(iter(self._members.values()), None)
            self.ended.set()
            changed = self._changed
        changed.set()

    def reset(self) -> None:
        """End the request in a forked process, where nothing performs it, and its locks may be held forever."""
        self._lock = threading.Lock()
        self._changed, self.ended = Latch(), Latch()
        self.end(None, Abandoned())

    def check_running(self) -> None:
        """End the request if nothing performs it: its event loop has stopped, or its start was interrupted."""
        running = self._running
        if running is None or not running.is_alive():
            self.end(None, Abandoned())

    def result(self, call: Call) -> Any:  # noqa: ANN401 - the reply of any service
        """
        Return the reply, after the end.

        Raises:
            LeaderError: The request was ended, or failed for a reason that does not concern this call.
            BaseException: The request failed. Each call gets an error of its own.
        """
        error = self._error
        if error is None:
            return self._reply
        if not self._concerns(error, call):
            raise LeaderError from error
        if self.payer is call:
            raise error
        raise copy_error(error) from error

    def _concerns(self, error: BaseException, call: Call) -> bool:
        """Tell whether the request of a call would fail in the same way."""
        if isinstance(error, BudgetExceededError):
            from budwood.engine.budgets.budget import have_equal_limits  # few programs have budgets

            return have_equal_limits(call.budgets, self.call.budgets)
        if isinstance(error, ProviderError) and may_succeed(error, call, self.call):
            return False
        if self.payer is call:
            return isinstance(error, Exception | KeyboardInterrupt | SystemExit)
        return not concerns_one_call(error)

    def _append(self, events: Sequence[StreamEvent]) -> None:
        with self._lock:
            self._batches.append(events)
            changed, self._changed = self._changed, Latch()
        changed.set()

    def _convert(self, error: BaseException) -> BaseException:
        """Return the error to throw into the flow: that of a timeout, if it is cancelled because of one."""
        return deadline_error() if self._is_overdue and not isinstance(error, Exception) else error


class LeaderError(Exception):
    """A request that was shared was ended, or failed for one call, and another call must send its own."""


class Flights:
    """
    The requests of a client that are under way, by their keys.

    Attributes:
        refreshing: The keys in the cache of stale replies that are requested again.
    """

    def __init__(self) -> None:
        self.refreshing: set[str] = set()
        self._flights: dict[Hashable, Flight] = {}
        self._lock = threading.Lock()

    def reset(self) -> None:
        """End and forget all requests, in a forked process, where none of them is performed."""
        self._lock = threading.Lock()
        self.refreshing.clear()
        for flight in self._flights.values():
            flight.reset()
        self._flights.clear()

    def join(self, keys: Sequence[Hashable], call: Call) -> tuple[Flight, bool]:
        """
        Let a call follow a request that is under way, or one that it must start.

        Args:
            keys: The keys of requests that it may follow. A new request has the last one.
            call: The call.

        Returns:
            The request, and whether it is new.
        """
        with self._lock:
            for key in keys:
                flight = self._flights.get(key)
                if flight is not None and flight.join(call):
                    return flight, False
            flight = self._flights[keys[-1]] = Flight(call)
            flight.join(call)
            return flight, True

    def discard(self, key: Hashable, flight: Flight) -> None:
        """Forget a request that has ended."""
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
