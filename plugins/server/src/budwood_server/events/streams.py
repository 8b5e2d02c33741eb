"""One stream of events: where it is, and what it sends next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic_core import to_json

from budwood_server.database import DatabaseError
from budwood_server.events.event_types import INFERENCE
from budwood_server.events.reading import format_id
from budwood_server.events.ring import SharedEvent
from budwood_server.events.texts import ALL
from budwood_server.web.problems import ProblemError

if TYPE_CHECKING:
    from budwood_server.events.hub import Hub
    from budwood_server.events.readers import Reader
    from budwood_server.events.selections import Selection

BATCH: Final = 50
"""The maximum number of events of memory that are sent together."""

READY: Final = "ready"
HEARTBEAT: Final = "heartbeat"
LAGGED: Final = "lagged"
REMOVED: Final = "removed"
"""The names of notices."""


class Item(NamedTuple):
    """
    What a stream sends.

    Attributes:
        place: A stream that resumes after it misses nothing.
        notice: The name of a notice; None for an event.
        data: JSON in one line.
    """

    place: int
    notice: str | None
    data: bytes


class StreamEnd(Exception):  # noqa: N818 - it is the end, not an error
    """
    The server ends a stream.

    Args:
        code: The code with which a WebSocket is closed.
        reason: Why, in at most 120 bytes.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


RESTART: Final = (1012, "The server is restarting. Connect again.")
NO_DATABASE: Final = (1011, "The database cannot be used. Connect again later.")
TOO_SLOW: Final = (4408, "Nothing was read for too long. Connect again after the last id.")


class EventStream:
    """
    A stream. It has no queue: it sends events of the shared memory, and of the table when it is behind that.

    Args:
        hub: Has the events.
        reader: Who reads it.
        selection: What it is asked for.
        place: The place after which it begins.

    Raises:
        ProblemError: 400 or 403; see `Selection.restrict`.
    """

    def __init__(self, hub: Hub, reader: Reader, selection: Selection, place: int) -> None:
        self._hub = hub
        self._reader = reader
        self._selection = selection
        self._filter = selection.restrict(reader.principal)
        self._place = place
        self._is_live = False  # whether it had all events that there were
        self._is_started = False
        self._must_check = False
        self._check_due = time.monotonic() + hub.heartbeat
        self._changed = asyncio.Event()
        self._sending: asyncio.Timeout | None = None

    @property
    def wants_calls(self) -> bool:
        """Whether it is asked for events of calls, which are only written while a webhook or a stream gets them."""
        return not INFERENCE.isdisjoint(self._filter.types)

    @property
    def wants_texts(self) -> bool:
        """Whether it is asked for the texts of prompts and replies."""
        return self._selection.with_texts

    @property
    def text_owner(self) -> str | None:
        """The owner of the calls whose texts it gets, or `ALL`; None if it gets none."""
        return (self._filter.owner or ALL) if self.wants_texts else None

    def wake(self) -> None:
        """Look for new events."""
        self._changed.set()

    def recheck(self) -> None:
        """Find out whether the reader may still read, because a key has changed."""
        self._must_check = True
        self._changed.set()

    def rewind(self, last: int) -> None:
        """Continue after the last event of a database that was restored."""
        self._place = min(self._place, last)

    def limit_sending(self, seconds: float) -> None:
        """Give what is being sent only some more seconds."""
        if self._sending is not None:
            self._sending.reschedule(asyncio.get_running_loop().time() + seconds)

    async def send(self, sending: Awaitable[None]) -> None:
        """
        Await what sends items.

        Raises:
            StreamEnd: The client reads nothing.
        """
        try:
            async with asyncio.timeout(self._hub.find_send_seconds()) as self._sending:
                await sending
        except TimeoutError:
            raise StreamEnd(*TOO_SLOW) from None
        finally:
            self._sending = None

    async def next_items(self) -> Sequence[Item]:
        """
        Return what is sent next, once there is something.

        Raises:
            StreamEnd: The server stops, the reader may not read any more, or the database cannot be used.
        """
        if not self._is_started:
            self._is_started = True
            return [self._make_notice(READY, id=format_id(self._place))]
        due = asyncio.get_running_loop().time() + self._hub.heartbeat
        while True:
            self._changed.clear()
            if self._hub.is_draining:
                raise StreamEnd(*RESTART)
            try:
                await self._check()
                if items := await self._read_until(due):
                    return items
            except DatabaseError:
                raise StreamEnd(*NO_DATABASE) from None
            if not await self._wait_until(due):
                return [self._make_notice(HEARTBEAT, id=format_id(self._place))]

    async def _read_until(self, due: float) -> Sequence[Item]:
        """Return the next items; none if there are no more, or when a heartbeat is due, in time of the event loop."""
        while self._place < self._hub.ring.last:
            if items := await self._read():
                return items
            if _is_past(due):
                return ()
        self._is_live = True
        return ()

    async def _wait_until(self, due: float) -> bool:
        """Wait for new events; return False when a heartbeat is due, also while there are events for others."""
        try:
            async with asyncio.timeout_at(due):
                await self._changed.wait()
        except TimeoutError:
            return False
        return not _is_past(due)

    async def _check(self) -> None:
        """Check that the reader may still read, after a change of keys and again and again: logins end unnoticed."""
        if not self._must_check and time.monotonic() < self._check_due:
            return
        self._must_check = False
        self._check_due = time.monotonic() + self._hub.heartbeat
        try:
            self._filter = self._selection.restrict(await self._reader.find())
        except ProblemError as error:
            problem = error.problem
            raise StreamEnd(4000 + problem.status, problem.message) from None

    async def _read(self) -> Sequence[Item]:
        ring = self._hub.ring
        if self._place + 1 < ring.first:
            return await self._read_page(ring.first - 1)
        events = ring.read(self._place, BATCH)
        self._place = events[-1].event.place
        return [self._make_item(each) for each in events if self._filter.accepts(each.event)]

    async def _read_page(self, until: int) -> Sequence[Item]:
        """Read events of the table, and tell if that was not asked for, and if some do not exist any more."""
        items: list[Item] = []
        after = self._place
        if self._is_live:
            items.append(self._make_notice(LAGGED, after=format_id(after), until=format_id(until)))
            self._is_live = False
            self._hub.counts.lagged += 1
        page = await self._hub.read_page(self._filter, after, until, with_texts=self.wants_texts)
        self._place = page.last
        if page.removed:
            span = {"after": format_id(after), "until": format_id(page.last), "count": page.removed}
            items.append(Item(after, REMOVED, to_json({"notice": REMOVED, **span})))
        source = self._hub.source
        return [*items, *(self._make_item(SharedEvent(event, source)) for event in page.events)]

    def _make_item(self, shared: SharedEvent) -> Item:
        return Item(shared.event.place, None, shared.encode(with_texts=self._selection.with_texts))

    def _make_notice(self, name: str, **fields: Any) -> Item:  # noqa: ANN401 - JSON
        return Item(self._place, name, to_json({"notice": name, **fields}))


def _is_past(due: float) -> bool:
    return asyncio.get_running_loop().time() >= due
