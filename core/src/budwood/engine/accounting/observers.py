"""Notify observers of what happens during a call. Without observers no event is created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from budwood.contracts import HeadersObserver, Observer, ToolObserver
from budwood.engine.accounting.observer_faults import CONTAINED, ObserverFaults, ToolScope
from budwood.types import (
    AttemptFinished,
    AttemptQueued,
    AttemptStarted,
    BreakerChanged,
    CacheFailed,
    CacheHit,
    ChatRequest,
    EndpointFailed,
    FirstToken,
    HTTPCall,
    Observation,
    ParameterLearned,
    RequestFinished,
    RequestStarted,
    RetryScheduled,
    ToolCallPart,
    ToolFinished,
    ToolResultPart,
    ToolStarted,
)
from budwood.wire.heads import TRANSPORT_HEADERS, normalize_headers

if TYPE_CHECKING:
    from budwood.engine.endpoints.endpoint import Target
    from budwood.engine.pipeline.attempt import Attempt
    from budwood.engine.pipeline.call import Call, Round
    from budwood.types import Answer
    from budwood.types import Attempt as AttemptRecord
    from budwood.types.endpoints import BreakerState


class Observers:
    """
    All observers of a client, as one.

    The first error of each observer is logged, and the call continues.

    Args:
        observers: The observers, in the order in which they are notified.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self._headers = tuple(observer for observer in observers if isinstance(observer, HeadersObserver))
        self._tools = tuple(observer for observer in observers if isinstance(observer, ToolObserver))
        self._faults = ObserverFaults()

    def observe(self, event: Observation) -> None:
        """Notify all observers of an event."""
        for observer in self._observers:
            try:
                observer.observe(event)
            except CONTAINED as error:
                self._faults.report(observer, error)

    def report_request(self, call: Call, round_: Round) -> RequestReport:
        """Return the reporter of a request's start and end."""
        return RequestReport(self, call, round_)

    def start_attempt(self, attempt: Attempt) -> dict[str, str]:
        """Report the start of an attempt, and return the headers that observers add to its request."""
        call = attempt.round.call
        attempt.number = next(call.numbers)
        event = AttemptStarted(**_of(call, attempt.target), number=attempt.number, key=attempt.key_label)
        self.observe(event)
        headers: dict[str, str] = {}
        for observer in self._headers:
            try:
                headers = {**normalize_headers(observer.attempt_headers(event)), **headers}
            except CONTAINED as error:
                self._faults.report(observer, error)
        return headers

    def finish_attempt(self, attempt: Attempt, record: AttemptRecord) -> None:
        """Report the end of an attempt. One that failed before it was sent has no start event."""
        call = attempt.round.call
        self.observe(
            AttemptFinished(
                call=call.id,
                number=attempt.number or next(call.numbers),
                attempt=record,
                rate_limits=attempt.rate_limits,
            )
        )

    def report_queued(self, call: Call, target: Target, limit: str, delay: float | None) -> None:
        """Report that an attempt waits for a limit."""
        self.observe(AttemptQueued(**_of(call, target), limit=limit, delay=delay))

    def report_retry(self, call: Call, target: Target, delay: float, error: str) -> None:
        """Report a retry."""
        self.observe(RetryScheduled(**_of(call, target), delay=delay, error=error))

    def report_breaker(self, attempt: Attempt, state: BreakerState) -> None:
        """Report that an attempt opened or closed the circuit breaker of its endpoint."""
        call, health = attempt.round.call, attempt.endpoint.health
        self.observe(
            BreakerChanged(
                **_of(call, attempt.target),
                endpoint=attempt.endpoint.label,
                state=state,
                failures=health.failures,
                next_probe=health.next_probe(call.clock.monotonic()),
                error=health.last_error if state == "open" else None,
            )
        )

    def report_failover(self, call: Call, target: Target, error: str) -> None:
        """Report that the call leaves an endpoint that failed."""
        self.observe(EndpointFailed(**_of(call, target), endpoint=target.endpoint.label, error=error))

    def report_learned(self, call: Call, target: Target, parameters: Sequence[str]) -> None:
        """Report the parameters that a model rejects."""
        self.observe(ParameterLearned(**_of(call, target), parameters=tuple(parameters)))

    def report_cache_hit(self, call: Call, target: Target) -> None:
        """Report a reply from the cache."""
        self.observe(CacheHit(**_of(call, target)))

    def report_cache_fault(
        self, call: Call, operation: Literal["read", "write"], error: str, reason: str | None
    ) -> None:
        """Report a fault of the cache."""
        self.observe(CacheFailed(call=call.id, operation=operation, error=error, reason=reason))

    def report_first_token(self, call: Call, target: Target, seconds: float) -> None:
        """Report the first content of a stream."""
        self.observe(FirstToken(**_of(call, target), seconds=seconds))

    def finish_tool(self, call: Call, tool_call: ToolCallPart, result: ToolResultPart | None, seconds: float) -> None:
        """Report that a tool has finished or was refused; without a result, it was interrupted."""
        self.observe(
            ToolFinished(
                call=call.id,
                name=tool_call.name,
                failed=result is None or result.is_error,
                seconds=seconds,
                arguments=tool_call.arguments,
                result=result.text if result is not None else "",
            )
        )

    def around_tool(self, call: Call, tool_call: ToolCallPart) -> ToolScope:
        """Report the start of a tool, and return the context managers of the observers for it, as one."""
        event = ToolStarted(call=call.id, name=tool_call.name, arguments=tool_call.arguments)
        self.observe(event)
        return ToolScope(self._faults, self._tools, event)


class RequestReport:
    """Reports the start and the end of one request of the user."""

    __slots__ = ("_call", "_observers", "_prompt", "_service", "_started")

    def __init__(self, observers: Observers, call: Call, round_: Round) -> None:
        self._observers = observers
        self._call = call
        self._service = round_.service.name
        self._prompt = prompt_of(round_.request)
        self._started = call.clock.monotonic()

    def start(self) -> None:
        """Report the start."""
        call = self._call
        self._observers.observe(
            RequestStarted(**_of(call, call.target), service=self._service, prompt=self._prompt, label=call.label)
        )

    def finish(self, response: Answer | None, error: BaseException | None) -> None:
        """Report the end."""
        call = self._call
        self._observers.observe(
            RequestFinished(
                **_of(call, call.target),
                service=self._service,
                seconds=call.clock.monotonic() - self._started,
                attempts=len(call.attempts),
                response=response,
                error=error,
                prompt=self._prompt,
                label=call.label,
            )
        )


def _of(call: Call, target: Target) -> dict[str, Any]:
    return {"call": call.id, "provider": target.endpoint.name, "model": target.model}


def add_headers(request: HTTPCall, headers: Mapping[str, str]) -> HTTPCall:
    """Add headers with lower-case names, except those that the request has or that the transport sets."""
    present = {name.lower() for name in request.headers} | TRANSPORT_HEADERS
    return request.with_headers({name: value for name, value in headers.items() if name not in present})


def prompt_of(request: object) -> str:
    """Return the last text of a request."""
    if isinstance(request, ChatRequest):
        return request.messages[-1].text if request.messages else ""
    texts = getattr(request, "texts", None)
    if texts:
        return str(texts[-1])
    contents = getattr(request, "contents", ())
    parts = [part.text for content in contents for part in content if hasattr(part, "text")]
    return parts[-1] if parts else ""
