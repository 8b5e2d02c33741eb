"""Send a second request if the first has no answer yet, and take the one that answers first."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from budwood.engine.drivers.effects import Abandoned, Effect, Emit, Ended, First, Flow, Wait
from budwood.engine.drivers.latch import Latch
from budwood.errors import BudgetExceededError, RateLimitError

if TYPE_CHECKING:
    from budwood.engine.endpoints.endpoint import Target
    from budwood.engine.pipeline.attempt import Attempt
    from budwood.engine.pipeline.call import Call, Round
    from budwood.engine.routing.routes import Route
    from budwood.types import ChatResponse

Send = Callable[["Round"], Flow[Any]]


@dataclass(slots=True)
class Contender:
    """
    One of two requests that run at the same time.

    Attributes:
        target: The endpoint that it is sent to.
        is_hedge: Whether it is the second one, which takes places only if they are free.
        pending: Its attempt that runs and was not recorded yet, or nothing.
        partial: Returns the partial reply of a stream; None before its first content.
    """

    target: Target
    is_hedge: bool = False
    pending: list[Attempt] = field(default_factory=list)
    partial: Callable[[], ChatResponse] | None = None

    def record_loss(self) -> None:
        """Record the attempt of a request that was cancelled because the other one has answered."""
        with contextlib.suppress(IndexError):  # it has ended, or its own flow records it
            self.pending.pop().record_loss()


class _Started(NamedTuple):
    """
    A flow up to its first events.

    Attributes:
        flow: The flow, which continues after these events.
        effect: Its first events, or its end.
        contender: Its request.
    """

    flow: Flow[Any]
    effect: Emit | Ended
    contender: Contender


class Hedge:
    """
    A request that may be sent twice. The first answer wins; for streams, the first content.

    The other request is cancelled, and its connection closed.

    Args:
        send: Sends a round to its endpoint.
        round_for: Returns the round for an endpoint.
        call: The call.
        route: The endpoints of the call.
    """

    def __init__(self, send: Send, round_for: Callable[[Target], Round], call: Call, route: Route) -> None:
        self._send = send
        self._round_for = round_for
        self._call = call
        self._route = route
        self._failed = Latch()

    def ask(self, target: Target) -> Flow[Any]:
        """Ask an endpoint, and after the delay of ``hedge`` the next one, or the same one again."""
        call, delay = self._call, self._delay(target)
        if delay is None:
            return (yield from self._send(self._round_for(target)))
        first, second = Contender(target), Contender(target, is_hedge=True)
        flows = (self._ask_first(first), self._ask_second(second, call.clock.monotonic() + delay))
        started: _Started = yield First(flows, release=_release)
        winner = started.contender
        (second if winner is first else first).record_loss()
        call.target, call.partial = winner.target, winner.partial
        return (yield from _resume(started))

    def _delay(self, target: Target) -> float | None:
        """Return the seconds after which the second request is sent; None if the latency is not known yet."""
        hedge = self._call.options.hedge
        if hedge == "p95":
            return target.endpoint.health.percentile(95, streamed=self._call.streamed)
        return hedge

    def _ask_first(self, contender: Contender) -> Flow[_Started]:
        try:
            return (yield from self._compete(contender))
        except Exception as error:
            self._failed.set(error)
            raise

    def _ask_second(self, contender: Contender, start: float) -> Flow[_Started]:
        """Send the second request when it is time, unless the first has failed, or no retry is left."""
        call, deadline = self._call, self._call.timing.deadline
        if (yield Wait(self._failed, min(start, deadline))):
            raise self._first_error()
        taken = self._route.take_for_hedge(call)
        contender.target = target = taken or contender.target
        health = target.endpoint.health
        is_sent = False
        try:
            # An open breaker without another endpoint: the first request is the probe, which must be the only one.
            if (taken is not None or health.breaker() == "closed") and health.take_retry(call.clock.monotonic()):
                is_sent = True
                return (yield from self._compete(contender))
        except (RateLimitError, BudgetExceededError) as error:
            is_sent = isinstance(error, RateLimitError) and error.status is not None  # or a limit has no room
            raise
        finally:
            if taken is not None:
                health.release(self._route)
                if not is_sent:
                    self._route.give_back(taken)
        yield Wait(self._failed, deadline)
        raise self._first_error()

    def _first_error(self) -> Exception:
        """Return the error of the first request; after the deadline of the call, the error for that."""
        error = self._failed.value
        return error if isinstance(error, Exception) else self._call.deadline_error()

    def _compete(self, contender: Contender) -> Flow[_Started]:
        """Perform a request up to its first events. They are emitted later, in the main flow."""
        flow = self._send(replace(self._round_for(contender.target), contender=contender))
        effect = _start(flow)
        while not isinstance(effect, Emit | Ended):
            effect = yield from _forward(flow, effect)
        return _Started(flow, effect, contender)


def _resume(started: _Started) -> Flow[Any]:
    """Emit the first events of the winner, and perform the rest of its flow."""
    effect: Effect | Ended = started.effect
    while not isinstance(effect, Ended):
        effect = yield from _forward(started.flow, effect)
    return effect.result


def _release(started: _Started) -> Flow[None]:
    """End a flow whose first events came too late."""
    if isinstance(started.effect, Ended):
        return
    with contextlib.suppress(Abandoned):
        effect: Effect | Ended = started.flow.throw(Abandoned())
        while not isinstance(effect, Ended):
            effect = yield from _forward(started.flow, effect)


def _start(flow: Flow[Any]) -> Effect | Ended:
    try:
        return flow.send(None)
    except StopIteration as stop:
        return Ended(stop.value)


def _forward(flow: Flow[Any], effect: Effect) -> Flow[Effect | Ended]:
    """Perform one effect of a flow, and return its next one, or its end."""
    try:
        try:
            result = yield effect
        except BaseException as error:  # noqa: BLE001 - it belongs to the flow
            return flow.throw(error)
        return flow.send(result)
    except StopIteration as stop:
        return Ended(stop.value)
