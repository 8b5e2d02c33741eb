"""The progress of a run as an event stream. Source: the HTML standard, section "Server-sent events"."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Final

from budwood_server.api_models.runs import ENDED
from budwood_server.database import DatabaseError
from budwood_server.web.problems import ProblemError, reject

if TYPE_CHECKING:
    from budwood_server.runs.records import Run

POLL_SECONDS: Final = 1.0
"""Seconds between two looks at a run."""

MAX_SECONDS: Final = 900.0
"""Seconds after which a stream ends. Clients connect again, and name the last event that they have."""

MAX_FOLLOWERS: Final = 100
"""The number of streams of a process, each of which reads the database once in `POLL_SECONDS`."""

COMMENT: Final = b": keep-alive\n\n"
_RETRY: Final = b"retry: 1000\n\n"


class RunFollowers:
    """The streams of a process, whose number is limited."""

    def __init__(self) -> None:
        self._count = 0

    def check(self) -> None:
        """
        Check that there is room for another stream.

        Raises:
            ProblemError: 429: there is none.
        """
        if self._count >= MAX_FOLLOWERS:
            raise reject(
                f"This server has {MAX_FOLLOWERS} streams of runs already.",
                code="too_many_streams",
                hint="Close others, or read GET /api/runs/{id} instead.",
                status=429,
            )

    async def follow(
        self,
        find: Callable[[], Awaitable[Run]],
        after: int,
        *,
        keep_alive: float,
        may_continue: Callable[[], Awaitable[bool]],
    ) -> AsyncIterator[bytes]:
        """
        Yield an event ``progress`` for each change of a run, and the event ``end`` when it has ended.

        Args:
            find: Returns the run as it is now.
            after: The version that the client has.
            keep_alive: Seconds without an event after which a comment is sent.
            may_continue: Tells whether the stream goes on, before each look.
        """
        self._count += 1
        try:
            async for part in _follow(find, after, keep_alive, may_continue):
                yield part
        except (DatabaseError, ProblemError):
            return  # the client connects again, and gets the error then
        finally:
            self._count -= 1


async def _follow(
    find: Callable[[], Awaitable[Run]], after: int, keep_alive: float, may_continue: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    ends = time.monotonic() + MAX_SECONDS
    comment_due = time.monotonic() + keep_alive
    yield _RETRY
    while time.monotonic() < ends and await may_continue():
        run = await find()
        if run.state in ENDED:
            yield _encode(run, "end")
            return
        if run.version > after:
            after = run.version
            yield _encode(run, "progress")
            comment_due = time.monotonic() + keep_alive
        elif time.monotonic() >= comment_due:
            yield COMMENT
            comment_due = time.monotonic() + keep_alive
        await asyncio.sleep(POLL_SECONDS)


def _encode(run: Run, event: str) -> bytes:
    """Return an event. Its data is the run without its specification, in one line."""
    data = run.to_details().model_dump_json(exclude={"specification"})
    return f"id: {run.version}\nevent: {event}\ndata: {data}\n\n".encode()
