"""Observers: what is told of each call as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from budwood.types import AttemptStarted, Observation, ToolStarted


class Observer(Protocol):
    """
    Is told what happens during calls: usage stores, telemetry, live displays.

    Methods are called in the thread or on the event loop of the call, those about tools also in the thread of the tool:
    they return quickly, do no I/O, and may be called from several threads at once. What they raise is logged once and
    does not affect the call. Records of a kind that an observer does not know are ignored.

    It also may have the methods of `HeadersObserver`, `ToolObserver` and `ClosableObserver`.
    """

    def observe(self, event: Observation) -> None:
        """Take note of one event."""
        ...


@runtime_checkable
class ClosableObserver(Protocol):
    """
    An observer that holds something until the client is closed, such as a file.

    The client closes the observers that it made of names, once. Observers that were passed as objects belong to the
    caller.
    """

    def close(self) -> None:
        """Write what is left, and release what is held. Events of abandoned calls may come later; ignore them."""
        ...


@runtime_checkable
class HeadersObserver(Protocol):
    """
    An observer that adds headers to requests, such as ``traceparent``.

    They never replace headers of the request, of an earlier observer, or of the transport, such as ``host``. Headers
    that HTTP does not allow are an error of the observer.
    """

    def attempt_headers(self, event: AttemptStarted) -> Mapping[str, str]:
        """Return the headers for one attempt. Names and values are printable ASCII."""
        ...


@runtime_checkable
class ToolObserver(Protocol):
    """
    An observer that wraps the run of a tool, for example to open a span in which the tool's own work is recorded.

    The context manager sees the tool's exception, but cannot change or suppress it.
    """

    def around_tool(self, event: ToolStarted) -> AbstractContextManager[object]:
        """Return a context manager; the tool runs inside it, in the tool's own thread or task."""
        ...
