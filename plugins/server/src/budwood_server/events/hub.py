"""The streams of events of a process: new events are read once for all of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Literal

from budwood import logs
from budwood_server.database import EVENTS, DatabaseError
from budwood_server.database.versions import read_versions
from budwood_server.events.counts import EventCounts
from budwood_server.events.pages import TEXT_PLACES, Page, read_page
from budwood_server.events.reading import format_id, read_events
from budwood_server.events.ring import Ring
from budwood_server.events.streams import EventStream
from budwood_server.web.problems import Problem, ProblemError, reject

if TYPE_CHECKING:
    from budwood_server.database import Database
    from budwood_server.events.interests import Interests
    from budwood_server.events.readers import Reader
    from budwood_server.events.reading import EventFilter
    from budwood_server.events.selections import Selection
    from budwood_server.settings import EventSettings

StreamKind = Literal["sse", "websocket"]
"""How a stream is sent."""

SEND_SECONDS: Final = 120.0
"""Seconds within which a client must read what was sent, or its connection is closed."""

DRAIN_SECONDS: Final = 2.0
"""The same, once the server stops."""

RETRY_SECONDS: Final = 1.0
"""Seconds after which new events are read again when that has failed."""

_PAGE: Final = 500
_READERS: Final = 4
"""The pages of past events that are read at the same time, so that other requests get connections to the database."""

_STOPPING: Final = Problem(
    status=503,
    message="The server is stopping.",
    type="server_error",
    code="server_stopping",
    hint="Connect again.",
    headers={"retry-after": "1"},
)


class Hub:
    """
    Wakes the streams of this process when there are new events, and has the last events for them.

    Args:
        database: The database.
        settings: The settings of events.
        interests: Lets all workers know that streams want events of calls.
        counts: Where streams that fall behind are counted.

    Attributes:
        counts: See above.
        ring: The last events. They are only kept while there are streams.
        heartbeat: Seconds without an event after which a stream gets a heartbeat.
        source: The name of this server in events.
        is_draining: Whether the server stops.
    """

    def __init__(self, database: Database, settings: EventSettings, interests: Interests, counts: EventCounts) -> None:
        self._database = database
        self._interests = interests
        self._max_streams = settings.max_streams
        self.heartbeat = settings.heartbeat
        self.source = settings.source
        self.counts = counts
        self.ring = Ring(settings.source)
        self.is_draining = False
        self._streams: dict[EventStream, StreamKind] = {}
        self._opening = 0
        self._wake = asyncio.Event()
        self._pages = asyncio.Semaphore(_READERS)
        self._has_failed = False

    @asynccontextmanager
    async def open(self, reader: Reader, selection: Selection, kind: StreamKind) -> AsyncIterator[EventStream]:
        """
        Open a stream, for the time of a ``with`` block.

        Args:
            reader: Who reads it.
            selection: What it is asked for.
            kind: How it is sent.

        Raises:
            ProblemError: 400: it is to begin after an event that does not exist yet. 403: the reader may not see what
                it asks for. 429: there are too many streams. 503: the server stops.
            DatabaseError: The database cannot be used.
        """
        self._check_room()
        self._opening += 1
        try:
            stream = await self._create(reader, selection, kind)
        finally:
            self._opening -= 1
        try:
            async with self._count_interest(stream):
                yield stream
        finally:
            self._streams.pop(stream, None)

    async def read_page(self, selected: EventFilter, after: int, until: int, *, with_texts: bool = False) -> Page:
        """
        Return a page of past events; see `budwood_server.events.pages.read_page`.

        Raises:
            DatabaseError: The database cannot be used.
        """
        async with self._pages, self._database.read() as connection:
            return await read_page(connection, selected, after, until, with_texts=with_texts)

    def count_streams(self) -> Counter[StreamKind]:
        """Return the number of open streams by kind."""
        return Counter(self._streams.values())

    def find_send_seconds(self) -> float:
        """Return the seconds within which a client must read what is sent now."""
        return DRAIN_SECONDS if self.is_draining else SEND_SECONDS

    async def notice(self) -> None:
        """Read new events, if there are streams."""
        self._wake.set()

    async def recheck(self) -> None:
        """Find out whether the readers may still read, because keys have changed or logins have ended."""
        for stream in self._streams:
            stream.recheck()

    def drain(self) -> None:
        """End all streams, and open no more."""
        self.is_draining = True
        for stream in self._streams:
            stream.wake()
            stream.limit_sending(DRAIN_SECONDS)

    async def run(self) -> None:
        """Read new events until the task is cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._streams:
                    await self._read_new()
                self._has_failed = False
            except DatabaseError as error:
                if not self._has_failed:
                    logs.emit("events not read for streams", level="warning", reason=str(error))
                self._has_failed = True
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._wake.set)

    def _check_room(self) -> None:
        if self.is_draining:
            raise ProblemError(_STOPPING)
        if len(self._streams) + self._opening >= self._max_streams:
            raise reject(
                f"This server has {self._max_streams} streams of events already.",
                code="too_many_streams",
                hint="Close others, or have the operator raise max_streams in [server.events].",
                status=429,
            )

    @asynccontextmanager
    async def _count_interest(self, stream: EventStream) -> AsyncIterator[None]:
        if not stream.wants_calls:
            yield
            return
        text_owner = stream.text_owner
        await self._interests.add(text_owner)
        try:
            yield
        finally:
            self._interests.remove(text_owner)

    async def _create(self, reader: Reader, selection: Selection, kind: StreamKind) -> EventStream:
        """Create a stream after the last event, or after the one that it is asked for."""
        last = await self._find_last()
        if not self._streams:
            self.ring.reset(last)
        after = selection.after
        if after is not None and after > last:
            raise reject(
                f"There is no event {format_id(after)} yet: the last one is {format_id(last)}.",
                param="after",
                code="unknown_event",
                hint="The database may be a copy that was restored: begin without after.",
            )
        stream = EventStream(self, reader, selection, last if after is None else after)
        if stream.wants_texts and not self._needs_texts():
            self.ring.reset(self.ring.last)  # its events have no texts
        self._streams[stream] = kind
        self._wake.set()  # there may be events since then
        return stream

    def _needs_texts(self) -> bool:
        return any(stream.wants_texts for stream in self._streams)

    async def _find_last(self) -> int:
        async with self._database.read() as connection:
            return (await read_versions(connection))[EVENTS]

    async def _read_new(self) -> None:
        last = await self._find_last()
        if last < self.ring.last:  # a backup was restored
            self.ring.reset(last)
            for stream in self._streams:
                stream.rewind(last)
        if last - self.ring.last > self.ring.capacity:
            self.ring.reset(last - self.ring.capacity)
        while self.ring.last < last:
            with_texts = self._needs_texts()
            page = TEXT_PLACES if with_texts else _PAGE
            async with self._database.read() as connection:
                events = await read_events(connection, self.ring.last, limit=page, until=last, with_texts=with_texts)
            if self._needs_texts() and not with_texts:
                continue
            self.ring.add(events, last if len(events) < page else events[-1].place)
            for stream in self._streams:
                stream.wake()
