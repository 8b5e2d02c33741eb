"""Contain what observers raise: each observer is reported once, and the call continues."""

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
"""What an observer may raise without effect on the call. An interrupt of the user is none of its errors."""


class ObserverFaults:
    """
    Writes the first error of each observer to the log.

    It takes no lock: the collector of garbage may end a stream, and so tell observers, in any thread at any place.
    """

    def __init__(self) -> None:
        self._reported: Final[dict[int, object]] = {}

    def report(self, observer: object, error: BaseException) -> None:
        """Write an error to the log, unless one of the same observer was written."""
        first = object()
        if self._reported.setdefault(id(observer), first) is first:
            report(observer, error)


def report(observer: object, error: BaseException) -> None:
    """Write an error to the log. Its text may repeat content, so that it is written only where content is."""
    with contextlib.suppress(Exception):  # what failed may be the log itself
        logs.emit(
            "observer failed",
            level="warning",
            observer=type(observer).__name__,
            error=type(error).__name__,
            line=_line_of(error),
            text=str(error),
        )


def _line_of(error: BaseException) -> str | None:
    """Name the file and the line that raised an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else None


class ToolScope:
    """
    The context managers of all observers around one tool, as one.

    Whatever they do, the tool's exception leaves it unchanged.

    Args:
        faults: Reports what they raise.
        observers: Make the context managers.
        event: The tool that is about to run.
    """

    def __init__(self, faults: ObserverFaults, observers: Sequence[ToolObserver], event: ToolStarted) -> None:
        self._scopes = [_ObserverScope(faults, observer, event) for observer in observers]
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> None:
        with contextlib.ExitStack() as stack:  # an interrupt may come in between
            for scope in self._scopes:
                stack.enter_context(scope)
            self._stack = stack.pop_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


class _ObserverScope:
    """The context manager of one observer: it swallows nothing, and what it raises itself is reported."""

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
