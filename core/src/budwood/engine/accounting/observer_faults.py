"""Contain the errors of observers: each observer is reported once, and the call continues."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from budwood import logs

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from budwood.contracts import ToolObserver
    from budwood.types import ToolStarted

CONTAINED: Final = (Exception, SystemExit)
"""Exceptions of an observer that do not affect the call. An interrupt of the user is not one of them."""


class ObserverFaults:
    """
    Writes the first error of each observer to the log.

    It uses no lock: garbage collection may end a stream, and so notify observers, in any thread at any point.
    """

    def __init__(self) -> None:
        self._reported: Final[dict[int, object]] = {}

    def report(self, observer: object, error: BaseException) -> None:
        """Log an error, unless one of the same observer was logged before."""
        first = object()
        if self._reported.setdefault(id(observer), first) is first:
            report(observer, error)


def report(observer: object, error: BaseException) -> None:
    """Log an error. Its text may quote content, so that it is a content field."""
    with contextlib.suppress(Exception):  # the log itself may have failed
        logs.emit(
            "observer failed",
            level="warning",
            observer=type(observer).__name__,
            error=type(error).__name__,
            line=_line_of(error),
            text=str(error),
        )


def _line_of(error: BaseException) -> str | None:
    """Return the file and the line that raised an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else None


class ToolScope:
    """
    The context managers of all observers around one tool, as one.

    The exception of a tool always passes through unchanged.

    Args:
        faults: Reports errors of the context managers.
        observers: The observers, which create the context managers.
        event: The event of the tool that is about to run.
    """

    def __init__(self, faults: ObserverFaults, observers: Sequence[ToolObserver], event: ToolStarted) -> None:
        self._scopes = [_ObserverScope(faults, observer, event) for observer in observers]
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> None:
        with contextlib.ExitStack() as stack:  # an interrupt may occur in between
            for scope in self._scopes:
                stack.enter_context(scope)
            self._stack = stack.pop_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


class _ObserverScope:
    """The context manager of one observer. It cannot suppress exceptions; its own errors are reported."""

    def __init__(self, faults: ObserverFaults, observer: ToolObserver, event: ToolStarted) -> None:
        self._faults = faults
        self._observer = observer
        self._event = event
        self._manager: AbstractContextManager[object] | None = None

    def __enter__(self) -> None:
        try:
            manager = self._observer.around_tool(self._event)
            manager.__enter__()
        except CONTAINED as error:
            self._faults.report(self._observer, error)
        else:
            self._manager = manager

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._manager is None:
            return
        try:
            self._manager.__exit__(kind, error, trace)
        except CONTAINED as failure:
            if failure is not error:
                self._faults.report(self._observer, failure)
