"""Limit the work that a request does in a thread, and end it when the request is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event
from typing import Any, Final

from budwood_server.web.problems import reject

MAX_ENTRIES: Final = 100_000
"""The maximum number of files and folders that the patterns of one specification look at."""


class WorkCancelledError(Exception):
    """The request that the work is for was cancelled."""


class WorkLimit:
    """
    Counts the entries of folders that one request looks at. It may be cancelled from another thread.

    Args:
        max_entries: Their maximum number.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        self._left = max_entries
        self._cancelled = Event()

    def cancel(self) -> None:
        """Have the next `check` or `spend` end the work."""
        self._cancelled.set()

    def check(self) -> None:
        """
        Do nothing unless the work was cancelled.

        Raises:
            WorkCancelledError: It was cancelled.
        """
        if self._cancelled.is_set():
            raise WorkCancelledError

    def spend(self, entries: int, field: str) -> None:
        """
        Count entries, after `check`.

        Args:
            entries: Their number.
            field: The field of the specification that has the pattern, for errors.

        Raises:
            ProblemError: 400: there are more than the maximum.
            WorkCancelledError: The work was cancelled.
        """
        self.check()
        self._left -= entries
        if self._left < 0:
            raise reject(
                f"{field}: the patterns look at more than {self._max_entries:,} files and folders.",
                param=field,
                code="invalid_specification",
                hint=f"Begin the patterns with the names of folders, and use '**' once: the limit is "
                f"{self._max_entries:,} for all patterns, and each '**' may look at the same folders again.",
            )


async def run_limited(work: WorkLimit, function: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401
    """
    Call a function in a thread. If the caller is cancelled, the work is, and the thread has ended before this returns.

    Args:
        work: What the function checks.
        function: It blocks.
        arguments: Its arguments; the last one after them is ``work``.
    """
    thread = asyncio.ensure_future(asyncio.to_thread(function, *arguments, work))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        work.cancel()
        await asyncio.gather(thread, return_exceptions=True)  # its files can be removed then
        raise
