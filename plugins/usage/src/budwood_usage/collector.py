"""Collect what is recorded of calls from their events."""

from __future__ import annotations

import contextlib
from typing import Final

from budwood.contracts import Clock
from budwood.types import FirstToken, Observation, RequestFinished
from budwood_usage.rows import Collected, collect

EVENTS: Final = (FirstToken, RequestFinished)
"""The events that a `Collector` needs."""

MAX_STREAMS: Final = 10_000
"""The number of streams at once whose time to the first token is recorded."""


class Collector:
    """
    Collects calls that have ended, with their time to the first token. Any thread may call it.

    Args:
        clock: The clock for the time of calls.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._first_tokens: dict[str, float] = {}  # of calls that have not ended

    def collect(self, event: Observation) -> Collected | None:
        """Return what is kept of a call that has ended with this event; None for other events."""
        kind = type(event)
        if kind is RequestFinished:
            assert isinstance(event, RequestFinished)  # noqa: S101 - for type checkers
            first = self._first_tokens.pop(event.call, None)
            return collect(event, self._clock.time(), first)
        if kind is FirstToken:
            assert isinstance(event, FirstToken)  # noqa: S101 - for type checkers
            self._add_first_token(event)
        return None

    def _add_first_token(self, event: FirstToken) -> None:
        """Note the time to the first token, which belongs to a call that ends later, or has ended if it shared one."""
        times = self._first_tokens
        if len(times) >= MAX_STREAMS:
            with contextlib.suppress(RuntimeError, StopIteration):  # another thread changes them at the same time
                times.pop(next(iter(times)), None)
        times.setdefault(event.call, event.seconds)
