"""Event streams that look for events once a second. Source: the HTML standard, section "Server-sent events"."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from budwood_server.database.failures import DatabaseError
from budwood_server.web.problems import ProblemError, reject

MEDIA_TYPE: Final = "text/event-stream"

POLL_SECONDS: Final = 1.0
"""Seconds between two looks for new events."""

MAX_SECONDS: Final = 900.0
"""Seconds after which a stream ends. Clients connect again, and name the last event that they have."""

MAX_STREAMS: Final = 100
"""The number of streams of a kind in a process, each of which reads the database once in `POLL_SECONDS`."""

COMMENT: Final = b": keep-alive\n\n"
_RETRY: Final = b"retry: 1000\n\n"


@dataclass(frozen=True, slots=True)
class Event:
    """
    An event of a stream.

    Attributes:
        id: What a client names in ``last-event-id`` to get only later events.
        name: The kind of event.
        data: JSON in one line.
        is_last: Whether the stream ends with it.
    """

    id: int
    name: str
    data: str
    is_last: bool = False

    def encode(self) -> bytes:
        """Return it as it is sent."""
        return f"id: {self.id}\nevent: {self.name}\ndata: {self.data}\n\n".encode()


Look = Callable[[], Awaitable[Sequence[Event]]]
"""Returns the events since the last look."""


class EventStreams:
    """
    The streams of a kind in this process, whose number is limited.

    Args:
        subject: What they are about, for errors, such as ``"runs"``.
        instead: What else clients can read, such as ``"GET /api/runs/{id}"``.
    """

    def __init__(self, subject: str, instead: str) -> None:
        self._subject = subject
        self._instead = instead
        self._count = 0

    def check(self) -> None:
        """
        Check that there is room for another stream.

        Raises:
            ProblemError: 429: there is none.
        """
        if self._count >= MAX_STREAMS:
            raise reject(
                f"This server has {MAX_STREAMS} streams of {self._subject} already.",
                code="too_many_streams",
                hint=f"Close others, or read {self._instead} instead.",
                status=429,
            )

    async def follow(
        self, look: Look, *, keep_alive: float, may_continue: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        """
        Yield events, and comments while there are none. The stream ends after the last event, or when a look fails.

        Args:
            look: Returns the events since the last look.
            keep_alive: Seconds without an event after which a comment is sent.
            may_continue: Tells whether the stream goes on, before each look.
        """
        self._count += 1
        try:
            async for part in _follow(look, keep_alive, may_continue):
                yield part
        except (DatabaseError, ProblemError):
            return  # the client connects again, and gets the error then
        finally:
            self._count -= 1


async def _follow(look: Look, keep_alive: float, may_continue: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
    ends = time.monotonic() + MAX_SECONDS
    comment_due = time.monotonic() + keep_alive
    yield _RETRY
    while time.monotonic() < ends and await may_continue():
        events = await look()
        if events or time.monotonic() >= comment_due:
            yield b"".join(event.encode() for event in events) or COMMENT
            comment_due = time.monotonic() + keep_alive
        if any(event.is_last for event in events):
            return
        if not events:
            await asyncio.sleep(POLL_SECONDS)
