"""Send deliveries that are due, until the worker stops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from budwood import logs
from budwood.errors import BudwoodError
from budwood_server.database import DatabaseError
from budwood_server.events.envelope import encode_event
from budwood_server.events.event_types import INFERENCE
from budwood_server.events.reading import Event, read_events
from budwood_server.events.waiting import wait_for_work
from budwood_server.webhooks.records import Attempt, Claim, fail_locally
from budwood_server.webhooks.signing import make_headers
from budwood_server.webhooks.slots import Slots

if TYPE_CHECKING:
    from budwood_server.database import Database
    from budwood_server.webhooks.queue import Queue
    from budwood_server.webhooks.sending import Sender
    from budwood_server.webhooks.targets import Targets

MAX_RESULTS: Final = 200
"""The maximum number of results that are stored in one transaction."""

COLLECT_SECONDS: Final = 0.05
"""Seconds for which results wait for others, so that fewer transactions store them."""


class Dispatcher:
    """
    Claims deliveries and sends them, many at the same time.

    Args:
        database: The database.
        queue: The queue of deliveries.
        targets: Finds endpoints.
        sender: Sends requests.
        source: The source of events; see `encode_event`.
        poll: Seconds between two looks for deliveries.
        concurrency: The maximum number of requests at the same time.
    """

    def __init__(
        self,
        database: Database,
        queue: Queue,
        targets: Targets,
        sender: Sender,
        *,
        source: str,
        poll: float,
        concurrency: int,
    ) -> None:
        self._database = database
        self._queue = queue
        self._targets = targets
        self._sender = sender
        self._source = source
        self._poll = poll
        self._concurrency = concurrency
        self._slots = Slots(concurrency)
        self._tasks: dict[asyncio.Task[None], Claim] = {}
        self._results: list[tuple[Claim, Attempt]] = []
        self._has_results = asyncio.Event()
        self._wake = asyncio.Event()
        self._has_failed = False

    def wake(self) -> None:
        """Look for deliveries at once."""
        self._wake.set()

    async def run(self) -> None:
        """Send until the task is cancelled. Requests under way are then cancelled, and sent again by others."""
        storing = asyncio.create_task(self._keep_storing(), name="budwood-deliveries")
        try:
            while True:
                self._wake.clear()
                if not await self._start_due():
                    await wait_for_work(self._wake, self._poll)
        finally:
            storing.cancel()
            under_way = dict(self._tasks)
            for task in under_way:
                task.cancel()
            await asyncio.gather(storing, *under_way, return_exceptions=True)
            if await self._store():
                await self._release([*under_way.values()])

    async def _start_due(self) -> bool:
        """Start to send what is due, and return whether there was something."""
        free = self._concurrency - len(self._tasks)
        if free <= 0:
            return False
        try:
            claims = await self._queue.claim(free, self._slots.share)
            events = await self._read(claims)
        except DatabaseError as error:
            self._report(error)
            return False
        self._has_failed = False
        for claim in claims:
            task = asyncio.create_task(self._deliver(claim, events.get(claim.place)))
            self._tasks[task] = claim
            self._slots.start(claim.id, claim.webhook)
            task.add_done_callback(self._end)
        return bool(claims)

    async def _read(self, claims: Sequence[Claim], *, with_texts: bool = False) -> dict[int, Event]:
        """Read the events of claims."""
        places = sorted({claim.place for claim in claims})
        found: dict[int, Event] = {}
        if places:
            async with self._database.read() as connection:
                events = await read_events(connection, places=places, with_texts=with_texts)
                found = {event.place: event for event in events}
        return found

    async def _deliver(self, claim: Claim, event: Event | None) -> None:
        """Send an event, and keep what came of it. If the database fails, it is sent after the end of the lease."""
        try:
            attempt = await self._send(claim, event)
        except DatabaseError as error:  # not a failure of the endpoint
            self._report(error)
            return
        except Exception as error:  # noqa: BLE001 - else it would be sent again for ever
            logs.emit("delivery failed", level="warning", error=type(error).__name__)
            attempt = fail_locally(f"Internal error: {type(error).__name__}.")
        self._results.append((claim, attempt))
        self._has_results.set()

    async def _send(self, claim: Claim, event: Event | None) -> Attempt:
        if event is None:
            return fail_locally("The event was removed.", is_last=True)
        try:
            target = await self._targets.find(claim.webhook)
            if not target.filter.accepts(event):
                return fail_locally("The endpoint does not get this event any more.", is_last=True)
            if target.with_texts and event.type in INFERENCE:  # they are long: one is read at a time
                event = (await self._read([claim], with_texts=True)).get(claim.place, event)
        except DatabaseError:
            raise
        except BudwoodError as error:
            return fail_locally(error.message)
        body = encode_event(event, self._source, with_texts=target.with_texts)
        return await self._sender.send(target.url, make_headers(target.secrets, event.id, body), body)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._slots.end(self._tasks.pop(task).id)
        self._wake.set()

    async def _keep_storing(self) -> None:
        while True:
            await self._has_results.wait()
            await asyncio.sleep(COLLECT_SECONDS)
            self._has_results.clear()
            if not await self._store():
                self._has_results.set()
                await asyncio.sleep(self._poll)

    async def _store(self) -> bool:
        """
        Store what came of requests, and return whether that succeeded. If not, it is kept.

        Requests whose results are stored after the end of their lease may have been sent again meanwhile.
        """
        while self._results:
            some = self._results[:MAX_RESULTS]
            try:
                await self._queue.finish(some)
            except DatabaseError as error:
                self._report(error)
                return False
            del self._results[: len(some)]
            self._wake.set()
        return True

    async def _release(self, claims: Sequence[Claim]) -> None:
        """Give back those of some claims that were not sent."""
        try:
            await self._queue.release(claims)
        except DatabaseError as error:
            self._report(error)

    def _report(self, error: DatabaseError) -> None:
        if not self._has_failed:
            logs.emit("deliveries not read or stored", level="warning", reason=str(error))
        self._has_failed = True
