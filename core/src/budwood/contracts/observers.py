"""Observers, which receive events during calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from contextlib import AbstractContextManager

    from budwood.types import AttemptStarted, Observation, ToolStarted


class Observer(Protocol):
    """
    Receives events during calls, for usage stores, telemetry and live displays.

    Methods are called in the thread or event loop of the call, and for tools also in the thread of the tool. They must
    return quickly, do no I/O, and support calls from several threads at once. Exceptions are logged once and do not
    affect the call. Ignore events of unknown types.

    `RequestStarted` arrives in the context (see `contextvars`) of the code that made the call, also if a stream is read
    in another one.

    An observer may also implement `SelectiveObserver`, `HeadersObserver`, `ToolObserver` and `ClosableObserver`.
    """

    def observe(self, event: Observation) -> None:
        """Process an event."""
        ...


@runtime_checkable
class SelectiveObserver(Protocol):
    """
    An observer that needs only some kinds of events. Events that no observer needs are not created, which saves time.

    Attributes:
        event_types: The classes of the events that `observe` receives. They are read when the client is created.
    """

    event_types: Collection[type[Observation]]


@runtime_checkable
class ClosableObserver(Protocol):
    """
    An observer with resources to release when the client is closed, such as a file.

    The client closes the observers that it created from names, once; an `AsyncClient` does so in a thread. It does not
    close observers that were passed as objects.
    """

    def close(self) -> None:
        """Write buffered data and release resources. Ignore later events, which abandoned calls may cause."""
        ...


@runtime_checkable
class HeadersObserver(Protocol):
    """
    An observer that adds headers to requests, such as ``traceparent``.

    They never replace headers of the request, of an earlier observer, or of the transport, such as ``host``. Invalid
    headers are an error of the observer.
    """

    def attempt_headers(self, event: AttemptStarted) -> Mapping[str, str]:
        """Return the headers for one attempt. Names and values must be printable ASCII."""
        ...


@runtime_checkable
class ToolObserver(Protocol):
    """
    An observer that wraps the execution of tools, for example in a span.

    The context manager sees the tool's exception, but cannot change or suppress it.
    """

    def around_tool(self, event: ToolStarted) -> AbstractContextManager[object]:
        """Return a context manager. The tool runs inside it, in the tool's thread or task."""
        ...
