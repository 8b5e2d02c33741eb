"""Ask models inside the process. Their events must follow the same rules as a vendor's stream."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from itertools import islice
from threading import Lock
from typing import Any, get_args

from budwood.contracts import LocalAdaptationProvider, LocalProvider
from budwood.engine.chat.assembly import ResponseBuilder
from budwood.engine.drivers.effects import Emit, Flow, Invoke
from budwood.engine.pipeline.attempt import Attempt
from budwood.errors import RequestTimeoutError, StreamInterruptedError
from budwood.plugins import faults
from budwood.providing import count_tool_calls
from budwood.types import ChatResponse, Finished, StreamEvent

_EVENTS = frozenset(get_args(StreamEvent))


def ask_local(attempt: Attempt, local: LocalProvider) -> Flow[ChatResponse]:
    """Send one request and wait for the complete reply."""
    builder = ResponseBuilder(count_tool_calls(attempt.request))
    yield from read_local(attempt, local, builder.add, at_once=attempt.endpoint.inline)
    with faults.call_boundary(attempt.endpoint.source, "stream"):
        return builder.build()


def generate_local(attempt: Attempt, local: LocalProvider) -> Flow[Any]:
    """Have a model inside the process generate or read media."""
    service, endpoint = attempt.round.service, attempt.endpoint
    _adapt(attempt, local)
    attempt.is_started = True
    if (observers := attempt.round.call.observers) is not None:
        observers.start_attempt(attempt)
    generate = faults.wrap(endpoint.source, service.local, getattr(local, service.local), (service.result,))
    return (yield Invoke(lambda: generate(attempt.request), inline=endpoint.inline))


def read_local(
    attempt: Attempt,
    local: LocalProvider,
    collect: Callable[[list[StreamEvent]], list[StreamEvent] | None],
    *,
    at_once: bool = False,
) -> Flow[None]:
    """
    Read the events of a model inside the process, and emit those that `collect` returns.

    Unless `at_once`, events are read one by one, so that the model stops if the caller leaves in between.
    """
    _adapt(attempt, local)
    attempt.is_started = True
    if (observers := attempt.round.call.observers) is not None:
        observers.start_attempt(attempt)  # a local model has no headers
    events = LocalReply(local_events(attempt, local))
    size, inline = None if at_once else 1, attempt.endpoint.inline
    boundary = faults.call_boundary(attempt.endpoint.source, "stream")
    try:
        while batch := (yield Invoke(lambda: events.read(size), inline=inline)):
            with boundary:
                ready = collect(batch)
            if ready:
                yield Emit(ready)
    finally:
        yield Invoke(events.leave, inline=inline)


def _adapt(attempt: Attempt, local: LocalProvider) -> None:
    if isinstance(local, LocalAdaptationProvider):
        with faults.call_boundary(attempt.endpoint.source, "adaptations"):
            adaptations = local.adaptations(attempt.request)
        attempt.adapt(adaptations)


def local_events(attempt: Attempt, local: LocalProvider) -> Generator[StreamEvent, None, None]:
    """
    Yield the events of a reply.

    Raises:
        PluginFaultError: The plugin raises an error that is not Budwood's, or yields an object that is not an event.
        RequestTimeoutError: The deadline passed. It is checked before each event, since Python cannot interrupt code.
        StreamInterruptedError: The reply ended without a finish reason.
    """
    call = attempt.round.call
    deadline = (attempt.timing or call.timing).deadline
    finished = False
    for event in _read_plugin(attempt, local):
        if call.clock.monotonic() >= deadline:
            raise RequestTimeoutError(
                "The model took longer than the call's timeout.", phase="deadline", hint="Raise timeout=…."
            )
        finished = finished or isinstance(event, Finished)
        yield event
    if not finished:
        raise StreamInterruptedError("The model stopped without a finish reason.")


class LocalReply:
    """
    The events of a reply, read in several threads, one after the other.

    When async code is cancelled, a thread may still be reading. The generator cannot be closed in the meantime, and the
    caller must not wait for the model, so that the thread closes it.
    """

    def __init__(self, events: Generator[StreamEvent, None, None]) -> None:
        self._events = events
        self._reading = Lock()
        self._left = False

    def read(self, size: int | None) -> list[StreamEvent]:
        """Return up to ``size`` further events, or all if it is None; an empty list at the end."""
        with self._reading:
            batch = [] if self._left else list(islice(self._events, size))
        if self._left:
            self.leave()
        return batch

    def leave(self) -> None:
        """Stop the model before the end of its reply."""
        self._left = True
        if self._reading.acquire(blocking=False):
            try:
                self._events.close()
            finally:
                self._reading.release()


def _read_plugin(attempt: Attempt, local: LocalProvider) -> Iterator[StreamEvent]:
    boundary = faults.call_boundary(attempt.endpoint.source, "stream")
    events: Iterator[StreamEvent] | None = None
    try:
        with boundary:
            events = iter(local.stream(attempt.request))
        while True:
            with boundary:
                event = next(events, None)
            if event is None:
                return
            with boundary:
                checked = _check_event(event)
            yield checked
    finally:
        if (close := getattr(events, "close", None)) is not None:
            with boundary:
                close()


def _check_event(event: StreamEvent) -> StreamEvent:
    if type(event) not in _EVENTS:
        raise TypeError(f"{type(event).__name__} is not a stream event")
    return event
