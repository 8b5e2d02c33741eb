"""Notify observers of what happens during a call. Events that no observer receives are not created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from budwood.contracts import HeadersObserver, Observer, SelectiveObserver, ToolObserver
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
    from decimal import Decimal

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
        self._receivers = {kind: _select(observers, kind) for kind in get_args(Observation)}
        self._headers = tuple(observer for observer in observers if isinstance(observer, HeadersObserver))
        self._tools = tuple(observer for observer in observers if isinstance(observer, ToolObserver))
        self._faults = ObserverFaults()

    def observe(self, event: Observation) -> None:
        """Notify the observers that receive this kind of event."""
        for observer in self._receivers[type(event)]:
            try:
                observer.observe(event)
            except CONTAINED as error:
                self._faults.report(observer, error)

    def needs(self, kind: type[Observation]) -> bool:
        """Tell whether an observer receives this kind of event."""
        return bool(self._receivers[kind])

    def report_request(self, call: Call, round_: Round) -> RequestReport:
        """Return the reporter of a request's start and end."""
        return RequestReport(self, call, round_)

    def start_attempt(self, attempt: Attempt) -> dict[str, str]:
        """Report the start of an attempt, and return the headers that observers add to its request."""
        call = attempt.round.call
        attempt.number = next(call.numbers)
        if not (self._headers or self._receivers[AttemptStarted]):
            return {}
        endpoint = attempt.endpoint
        event = AttemptStarted(
            **_of(call, attempt.target),
            number=attempt.number,
            key=attempt.key_label,
            url=endpoint.url,
            plugin=endpoint.plugin,
        )
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
        if not self._receivers[AttemptFinished]:
            return
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
        if self._receivers[AttemptQueued]:
            self.observe(AttemptQueued(**_of(call, target), limit=limit, delay=delay))

    def report_retry(self, call: Call, target: Target, delay: float, error: str) -> None:
        """Report a retry."""
        if self._receivers[RetryScheduled]:
            self.observe(RetryScheduled(**_of(call, target), delay=delay, error=error))

    def report_breaker(self, attempt: Attempt, state: BreakerState) -> None:
        """Report that an attempt opened or closed the circuit breaker of its endpoint."""
        if not self._receivers[BreakerChanged]:
            return
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
        if self._receivers[EndpointFailed]:
            self.observe(EndpointFailed(**_of(call, target), endpoint=target.endpoint.label, error=error))

    def report_learned(self, call: Call, target: Target, parameters: Sequence[str]) -> None:
        """Report the parameters that a model rejects."""
        if self._receivers[ParameterLearned]:
            self.observe(ParameterLearned(**_of(call, target), parameters=tuple(parameters)))

    def report_cache_hit(self, call: Call, target: Target, saved: Decimal | None) -> None:
        """Report a reply from the cache."""
        if self._receivers[CacheHit]:
            self.observe(CacheHit(**_of(call, target), saved=saved))

    def report_cache_fault(
        self, call: Call, cache: str | None, operation: Literal["read", "write"], error: str, reason: str | None
    ) -> None:
        """Report a fault of a cache."""
        if self._receivers[CacheFailed]:
            self.observe(CacheFailed(call=call.id, cache=cache, operation=operation, error=error, reason=reason))

    def report_first_token(self, call: Call, target: Target, seconds: float) -> None:
        """Report the first content of a stream."""
        if self._receivers[FirstToken]:
            self.observe(FirstToken(**_of(call, target), seconds=seconds))

    def finish_tool(self, call: Call, tool_call: ToolCallPart, result: ToolResultPart | None, seconds: float) -> None:
        """Report that a tool has finished or was refused; without a result, it was interrupted."""
        if not self._receivers[ToolFinished]:
            return
        self.observe(
            ToolFinished(
                call=call.id,
                name=tool_call.name,
                failed=result is None or result.is_error,
                seconds=seconds,
                arguments=tool_call.arguments,
                result=result.text if result is not None else "",
                tool_call=tool_call.id,
            )
        )

    def around_tool(self, call: Call, tool_call: ToolCallPart) -> ToolScope:
        """Report the start of a tool, and return the context managers of the observers for it, as one."""
        event = ToolStarted(call=call.id, name=tool_call.name, arguments=tool_call.arguments, tool_call=tool_call.id)
        self.observe(event)
        return ToolScope(self._faults, self._tools, event)


class RequestReport:
    """Reports the start and the end of one request of the user."""

    __slots__ = ("_call", "_observers", "_prompt", "_request", "_service", "_started")

    def __init__(self, observers: Observers, call: Call, round_: Round) -> None:
        self._observers = observers
        self._call = call
        self._service = round_.service.name
        self._request = round_.request
        self._prompt = prompt_of(round_.request)
        self._started = call.clock.monotonic()

    def start(self) -> None:
        """Report the start, in the context of the code that made the call."""
        if not self._observers.needs(RequestStarted):
            return
        call = self._call
        event = RequestStarted(
            **_of(call, call.target),
            service=self._service,
            prompt=self._prompt,
            label=call.label,
            tags=call.tags or {},
            request=self._request,
            streamed=call.streamed,
            conversation=call.conversation,
            url=call.target.endpoint.url,
            plugin=call.target.endpoint.plugin,
        )
        if call.context is None:
            self._observers.observe(event)
        else:
            call.context.run(self._observers.observe, event)

    def finish(self, response: Answer | None, error: BaseException | None) -> None:
        """Report the end."""
        if not self._observers.needs(RequestFinished):
            return
        call = self._call
        self._observers.observe(
            RequestFinished(
                **_of(call, call.target),
                service=self._service,
                seconds=call.clock.monotonic() - self._started,
                attempts=tuple(call.attempts),
                response=response,
                error=error,
                prompt=self._prompt,
                label=call.label,
                tags=call.tags or {},
            )
        )


def _select(observers: Sequence[Observer], kind: type[Observation]) -> tuple[Observer, ...]:
    """Return the observers that receive a kind of event."""
    return tuple(
        observer
        for observer in observers
        if not isinstance(observer, SelectiveObserver) or kind in observer.event_types
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
    prompt = getattr(request, "prompt", None) or getattr(request, "text", None)
    if isinstance(prompt, str):
        return prompt
    texts = getattr(request, "texts", None)
    if texts:
        return str(texts[-1])
    contents = getattr(request, "contents", ())
    parts = [part.text for content in contents for part in content if hasattr(part, "text")]
    return parts[-1] if parts else ""
