"""Ask the endpoints of a call one after the other, until one answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from budwood.engine.drivers.effects import Emit, Flow, Sleep
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.pipeline.call import Round
from budwood.engine.pipeline.retries import backoff
from budwood.engine.routing.error_classes import is_named, moves_at_once, moves_on
from budwood.engine.routing.portability import find_tie, move_request
from budwood.engine.routing.routes import Route, record_skip
from budwood.errors import (
    BudgetExceededError,
    BudwoodError,
    ContextLengthError,
    CredentialError,
    ProviderError,
    RequestTimeoutError,
    StreamInterruptedError,
    UnsupportedError,
)


class Failover:
    """
    One round of a call with several endpoints, which are asked in the order of its route.

    An endpoint that cannot take the request, or whose circuit breaker is open, is skipped.

    Args:
        send: Sends a round to its endpoint.
        round_: The round.
        route: The endpoints of the call.

    Attributes:
        failure: The error of the first endpoint that was asked.
        refusal: The error of the first endpoint that cannot take the request.
    """

    def __init__(self, send: Callable[[Round], Flow[Any]], round_: Round, route: Route) -> None:
        self._send = send
        self._round = round_
        self._call = round_.call
        self._route = route
        self._tie = find_tie(round_.request)
        self._restarts = 0
        self._asked: list[Target] = []
        self.failure: BudwoodError | None = None
        self.refusal: BudwoodError | None = None

    def run(self) -> Flow[Any]:
        """
        Return the first answer.

        Raises:
            BudwoodError: All endpoints failed: the error of the first one that was asked, with all attempts.
        """
        call, route = self._call, self._route
        route.start(self._round, is_tied=self._tie is not None)
        target = route.take(call)
        while target is not None:
            try:
                response = yield from self._ask(target)
            except StreamInterruptedError as error:
                if not self._restarts_after(error):
                    self._check(target, error)
                    target = yield from self._next()
                    continue
                yield from self._announce_restart(error)
                target = route.take(call) or target
            except BudwoodError as error:
                self._check(target, error)
                target = yield from self._next()
            else:
                route.record_answer(call.target, response)
                return response
        raise self._error()

    def _next(self) -> Flow[Target | None]:
        """Return the next endpoint; after a delay, the only one that was asked if no other can take the request."""
        call, error, asked = self._call, self.failure, self._asked
        target = self._route.take(call)
        if target is not None or self.refusal is None or len(asked) != 1 or not isinstance(error, ProviderError):
            return target
        if not (error.retryable and moves_at_once(error, call) and call.options.retries):
            return None
        delay = backoff(call, error, 1)
        now = call.clock.monotonic()
        if delay is None or delay >= call.timing.deadline - now or not asked[0].endpoint.health.take_retry(now):
            return None
        yield Sleep(delay)
        return asked[0]

    def _ask(self, target: Target) -> Flow[Any]:
        call = self._call
        call.target = target
        self._asked.append(target)
        try:
            if call.options.hedge is not None:
                from budwood.engine.routing.hedging import Hedge  # few programs hedge

                return (yield from Hedge(self._send, self._round_for, call, self._route).ask(target))
            return (yield from self._send(self._round_for(target)))
        finally:
            target.endpoint.health.release(self._route)

    def _round_for(self, target: Target) -> Round:
        """Return the round for an endpoint, without what only another one accepts."""
        round_, route = self._round, self._route
        request, adaptations = move_request(
            round_.request, route.first, target, lambda message: route.is_foreign(message, target)
        )
        return replace(round_, target=target, request=request, adaptations=adaptations)

    def _check(self, target: Target, error: BudwoodError) -> None:
        """
        Record the error of an endpoint, and decide whether to ask another one.

        Raises:
            BudwoodError: The error itself, if no other endpoint may be asked.
        """
        call, is_first = self._call, self.failure is None
        if _is_refusal(error, is_first=is_first):
            self.refusal = self.refusal or error
            record_skip(call, target, error.message, error)
            self._asked.remove(target)
            return
        self.failure = self.failure or error
        if not isinstance(error, ProviderError) and not is_named(error, call):
            raise error
        if isinstance(error, StreamInterruptedError) and error.response is not None:  # the caller has read a part of it
            self.failure = error
            raise self._error()
        if isinstance(error, RequestTimeoutError) and error.phase == "deadline":
            raise self._error()
        if is_first and not moves_on(error, call):
            raise error
        if call.observers is not None:
            call.observers.report_failover(call, target, type(error).__name__)

    def _restarts_after(self, error: StreamInterruptedError) -> bool:
        options, call = self._call.options, self._call
        return (
            error.response is not None
            and options.on_stream_failure == "restart"
            and self._restarts < options.retries
            and call.clock.monotonic() < call.timing.deadline
        )

    def _announce_restart(self, error: StreamInterruptedError) -> Flow[None]:
        from budwood.types import Restarted

        self._restarts += 1
        self.failure = self.failure or error
        self._call.partial = None  # the event says that it is void
        yield Emit([Restarted(error.message)])

    def _error(self) -> BudwoodError:
        """Return the error to raise, with all attempts."""
        error = self.failure or self.refusal
        if error is None:
            raise AssertionError("a route has at least one endpoint, which answers or fails")
        if isinstance(error, ProviderError | BudgetExceededError):
            error.attempts = tuple(self._call.attempts)
        is_tied = self._tie is not None and self._route.has_several
        if is_tied and isinstance(error, ProviderError) and moves_on(error, self._call):
            error.hint = f"No other endpoint was asked, because {self._tie}."
        return error


def _is_refusal(error: BudwoodError, *, is_first: bool) -> bool:
    """Tell whether an endpoint cannot take the request, so that nothing was sent to it."""
    if isinstance(error, ContextLengthError):
        return error.status is None
    if isinstance(error, CredentialError | BudgetExceededError):
        return not is_first
    return isinstance(error, UnsupportedError)
