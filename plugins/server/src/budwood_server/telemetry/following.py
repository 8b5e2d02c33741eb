"""New calls as an event stream. Source: the HTML standard, section "Server-sent events"."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from budwood.types import CallFilter, CallRecord
from budwood_server.database import DatabaseError
from budwood_server.telemetry.forms import to_call
from budwood_server.telemetry.reading import CallReader
from budwood_server.web.problems import reject

POLL_SECONDS: Final = 1.0
"""Seconds between two looks for new calls."""

MAX_SECONDS: Final = 900.0
"""Seconds after which a stream ends. Clients connect again, and name the last call that they have."""

MAX_FOLLOWERS: Final = 100
"""The number of streams of a worker, each of which reads the database once in `POLL_SECONDS`."""

COMMENT: Final = b": keep-alive\n\n"
_RETRY: Final = b"retry: 1000\n\n"


class Followers:
    """The streams of a process, whose number is limited."""

    def __init__(self) -> None:
        self._count = 0

    def check(self) -> None:
        """
        Check that there is room for another stream.

        Raises:
            ProblemError: There is none.
        """
        if self._count >= MAX_FOLLOWERS:
            raise reject(
                f"This server has {MAX_FOLLOWERS} streams of calls already.",
                code="too_many_streams",
                hint="Close others, or read GET /api/telemetry/calls instead.",
                status=429,
            )

    async def follow(
        self,
        reader: CallReader,
        where: CallFilter,
        after: int,
        *,
        keep_alive: float,
        may_continue: Callable[[], Awaitable[bool]],
    ) -> AsyncIterator[bytes]:
        """
        Yield an event for each new call, and comments while there is none. It ends when the database fails.

        Args:
            reader: Reads the records.
            where: Selects the calls.
            after: The id of the record after which the stream begins.
            keep_alive: Seconds without an event after which a comment is sent.
            may_continue: Tells whether the stream goes on, before each look for new calls.
        """
        self._count += 1
        try:
            async for part in _follow(reader, where, after, keep_alive, may_continue):
                yield part
        except DatabaseError:
            return  # the client connects again, and gets the error then
        finally:
            self._count -= 1


async def _follow(
    reader: CallReader, where: CallFilter, after: int, keep_alive: float, may_continue: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    ends = time.monotonic() + MAX_SECONDS
    comment_due = time.monotonic() + keep_alive
    yield _RETRY
    while time.monotonic() < ends and await may_continue():
        records, after = await reader.read_new(where, after)
        part = b"".join(map(_encode, records))
        if part or time.monotonic() >= comment_due:
            yield part or COMMENT
            comment_due = time.monotonic() + keep_alive
        if not part:
            await asyncio.sleep(POLL_SECONDS)


def _encode(record: CallRecord) -> bytes:
    """Return the event of a call. Its data is one line."""
    return f"id: {record.id}\nevent: call\ndata: {to_call(record).model_dump_json()}\n\n".encode()
