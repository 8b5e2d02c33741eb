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

    Methods are called in the thread or on the event loop of the call: they return quickly and do no I/O. What they
    raise is logged once and does not affect the call. Records of a kind that an observer does not know are ignored.
    """

    def observe(self, event: Observation) -> None:
        """Take note of one event."""
        ...


@runtime_checkable
class HeadersObserver(Protocol):
    """An observer that adds headers to requests, such as ``traceparent``. They never replace headers of the request."""

    def attempt_headers(self, event: AttemptStarted) -> Mapping[str, str]:
        """Return the headers for one attempt."""
        ...


@runtime_checkable
class ToolObserver(Protocol):
    """An observer that wraps the run of a tool, for example to open a span in which the tool's own work is recorded."""

    def around_tool(self, event: ToolStarted) -> AbstractContextManager[object]:
        """Return a context manager; the tool runs inside it, in the tool's own thread or task."""
        ...
