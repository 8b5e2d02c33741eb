"""The observer that writes events to the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from budwood import logs
from budwood.types import (
    AttemptFinished,
    BreakerChanged,
    CacheFailed,
    ChatResponse,
    Observation,
    ParameterLearned,
    RequestFinished,
    ToolFinished,
)

_EVENTS: Final[Mapping[str, tuple[type[Observation], ...]]] = {
    "info": (AttemptFinished, RequestFinished, ToolFinished, BreakerChanged, ParameterLearned),
    "warning": (RequestFinished, BreakerChanged, CacheFailed),
}
"""The events that are written at each level; those of requests and breakers at either, by how they ended."""


class LogObserver:
    """
    Writes events about requests, attempts, breakers, tools, learned parameters and caches; see `budwood.logs`.

    Args:
        levels: The levels that are written, of `budwood.logs.written_levels`.
    """

    def __init__(self, levels: frozenset[str]) -> None:
        self._levels = levels
        self.event_types = tuple({event for level, events in _EVENTS.items() if level in levels for event in events})

    def observe(self, event: Observation) -> None:
        """Write an event, if it is one of those that are logged."""
        match event:
            case AttemptFinished():
                _log_attempt(event)
            case RequestFinished():
                level: logs.Level = "info" if event.error is None else "warning"
                if level in self._levels:
                    _log_request(event, level)
            case ToolFinished():
                _log_tool(event)
            case BreakerChanged():
                _log_breaker(event)
            case ParameterLearned():
                logs.emit(
                    "parameter learned",
                    call=event.call,
                    provider=event.provider,
                    model=event.model,
                    parameters=list(event.parameters),
                )
            case CacheFailed():
                logs.emit(
                    f"cache {event.operation} failed",
                    level="warning",
                    call=event.call,
                    cache=event.cache,
                    error=event.error,
                    reason=event.reason,
                )
            case _:
                pass


def _log_attempt(event: AttemptFinished) -> None:
    attempt = event.attempt
    logs.emit(
        "attempt",
        call=event.call,
        number=event.number,
        provider=attempt.provider,
        model=attempt.model,
        status=attempt.status,
        error=attempt.error,
        seconds=round(attempt.duration, 6),
        delay=attempt.delay,
        queued=round(attempt.queued, 6),
        request_id=attempt.request_id,
        input_tokens=attempt.usage.input_tokens if attempt.usage else None,
        output_tokens=attempt.usage.output_tokens if attempt.usage else None,
    )


def _log_breaker(event: BreakerChanged) -> None:
    is_open = event.state == "open"
    logs.emit(
        f"breaker {'opened' if is_open else 'closed'}",
        level="warning" if is_open else "info",
        call=event.call,
        endpoint=event.endpoint,
        failures=event.failures,
        next_probe=round(event.next_probe, 3) if event.next_probe is not None else None,
        error=event.error,
    )


def _log_request(event: RequestFinished, level: logs.Level) -> None:
    response = event.response
    reply = response if isinstance(response, ChatResponse) else None
    logs.emit(
        "request",
        level=level,
        call=event.call,
        provider=event.provider,
        model=event.model,
        seconds=round(event.seconds, 6),
        attempts=len(event.attempts),
        cached=bool(reply and reply.cached),
        finish_reason=reply.finish_reason if reply else None,
        input_tokens=response.usage.input_tokens if response else None,
        output_tokens=response.usage.output_tokens if response else None,
        error=type(event.error).__name__ if event.error else None,
        prompt=event.prompt,
        text=reply.text if reply else None,
    )


def _log_tool(event: ToolFinished) -> None:
    logs.emit(
        "tool",
        call=event.call,
        name=event.name,
        failed=event.failed,
        seconds=round(event.seconds, 6),
        arguments=event.arguments,
        result=event.result,
    )
