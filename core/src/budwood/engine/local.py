"""Models inside the process: what their plugins yield, held to what a vendor's stream is held to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from budwood.contracts import LocalProvider
from budwood.engine.assembly import ResponseBuilder
from budwood.engine.call import Call
from budwood.engine.effects import Flow, Invoke
from budwood.errors import BudwoodError, ProviderError, RequestTimeoutError, StreamInterruptedError
from budwood.types import ChatRequest, ChatResponse, Finished, StreamEvent

_EVENTS = frozenset(get_args(StreamEvent))


def ask_local(call: Call, local: LocalProvider, request: ChatRequest) -> Flow[ChatResponse]:
    """Ask once, and wait for the whole reply."""
    builder = ResponseBuilder()
    builder.add((yield Invoke(lambda: list(local_events(call, local, request)), inline=call.endpoint.inline)))
    return builder.build()


def local_events(call: Call, local: LocalProvider, request: ChatRequest) -> Iterator[StreamEvent]:
    """
    Yield the events of a reply.

    Raises:
        ProviderError: Whatever the plugin raises, or an event that is none.
        RequestTimeoutError: The call's time is over; looked at before each event, since nobody can stop foreign code.
        StreamInterruptedError: The reply ended without saying why.
    """
    events = _guarded(call, local, request)
    finished = False
    for event in events:
        if call.clock.monotonic() >= call.timing.deadline:
            raise RequestTimeoutError(
                "The model took longer than the call's timeout.", phase="deadline", hint="Raise timeout=…."
            )
        finished = finished or isinstance(event, Finished)
        yield event
    if not finished:
        raise StreamInterruptedError("The model stopped without saying why the reply is complete.")


def _guarded(call: Call, local: LocalProvider, request: ChatRequest) -> Iterator[StreamEvent]:
    events: Iterator[StreamEvent] | None = None
    try:
        events = local.stream(request)
        for event in events:
            yield _checked(event)
    except BudwoodError:
        raise
    except Exception as error:
        raise ProviderError(
            f"The plugin {call.endpoint.plugin!r} failed: {type(error).__name__}: {error}.",
            hint="This is a fault of the plugin; its authors want to know.",
        ) from error
    finally:
        if (close := getattr(events, "close", None)) is not None:
            close()


def _checked(event: StreamEvent) -> StreamEvent:
    if type(event) not in _EVENTS:
        raise TypeError(f"{type(event).__name__} is no stream event")
    return event
