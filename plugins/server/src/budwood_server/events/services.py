"""What a process does about events: give them their places, and send them to webhooks."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

from budwood_server.access.tokens import new_id
from budwood_server.database import EVENTS, KEYS, LOGINS, PROMPTS, TOKENS, WEBHOOKS
from budwood_server.database.changes import call_after_changes
from budwood_server.database.tables import DELIVERIES
from budwood_server.database.tables import EVENTS as TABLE
from budwood_server.events.calls import CallEvents
from budwood_server.events.counts import EventCounts
from budwood_server.events.hub import Hub
from budwood_server.events.interests import Interests
from budwood_server.events.outages import Outages
from budwood_server.events.providers import ProviderEvents
from budwood_server.events.retention import keep_removing
from budwood_server.events.sequencing import Sequencer
from budwood_server.runs.claims import name_worker
from budwood_server.webhooks.fan_out import fan_out
from budwood_server.webhooks.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from budwood_server.database import Database, VersionWatch
    from budwood_server.settings import ServerSettings
    from budwood_server.vault.master_keys import MasterKeys
    from budwood_server.webhooks.dispatch import Dispatcher
    from budwood_server.webhooks.sending import Sender


class EventServices:
    """
    Gives events their places, and sends them to webhooks, in tasks of the event loop.

    Args:
        database: The database.
        server: The settings.
        find_keys: Returns the master keys, which open the secrets of webhooks.

    Attributes:
        calls: Writes the events of calls.
        hub: The streams of events of this process.
        providers: Writes the events of providers.
        counts: What has happened in this process, for metrics.
    """

    def __init__(self, database: Database, server: ServerSettings, find_keys: Callable[[], MasterKeys]) -> None:
        self._database = database
        self._server = server
        self._find_keys = find_keys
        self.counts = EventCounts()
        self.calls = CallEvents(database, always=server.events.inference, max_text=server.events.max_text)
        worker = name_worker(os.getpid(), new_id()[:6])
        self._interests = Interests(database, worker, self.calls.check)
        self.hub = Hub(database, server.events, self._interests, self.counts)
        self._sequencer = Sequencer(database, fan_out, poll=server.events.poll, counts=self.counts)
        call_after_changes(database, TABLE.name, self.wake)
        self.providers = ProviderEvents(Outages(database, worker), self.wake)
        self._tasks: list[asyncio.Task[None]] = []
        self._sender: Sender | None = None

    async def start(self, watch: VersionWatch, *, sends: bool) -> None:
        """
        Start. Call it before the start of the watch.

        Args:
            watch: Notices new events and changes of endpoints.
            sends: Whether this process sends events to webhooks.
        """
        await self.calls.start(watch)
        for subject in (KEYS, TOKENS, PROMPTS):  # commands that change them order no events
            watch.subscribe(subject, self._wake)
        watch.subscribe(EVENTS, self.hub.notice)
        for subject in (KEYS, LOGINS):
            watch.subscribe(subject, self.hub.recheck)
        self._run(self._sequencer.run(), "budwood-events")
        self._run(keep_removing(self._database, self._server), "budwood-event-retention")
        self._run(self.providers.run(), "budwood-provider-events")
        self._run(self.hub.run(), "budwood-event-hub")
        self._run(self._interests.run(), "budwood-event-interests")
        self._run(self.calls.run(), "budwood-call-events")
        if sends:
            self._run(self._create_dispatcher(watch).run(), "budwood-webhooks")

    def wake(self) -> None:
        """Look for new events at once. It is called after each transaction of this process that has written some."""
        self._sequencer.wake()

    async def _wake(self) -> None:
        self.wake()

    async def close(self) -> None:
        """Stop. Deliveries under way are sent again by others."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        await self._interests.close()
        await self.providers.close()
        if self._sender is not None:
            await self._sender.close()

    def _run(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(coroutine, name=name))

    def _create_dispatcher(self, watch: VersionWatch) -> Dispatcher:
        from budwood_server.webhooks.dispatch import Dispatcher
        from budwood_server.webhooks.sending import Sender
        from budwood_server.webhooks.targets import Targets

        settings = self._server.webhooks
        targets = Targets(self._database, self._find_keys)
        self._sender = Sender(timeout=settings.timeout, allow_local=settings.allow_local)
        dispatcher = Dispatcher(
            self._database,
            Queue(
                self._database,
                name_worker(os.getpid(), new_id()[:6]),
                settings.lease,
                settings.schedule,
                self.counts,
            ),
            targets,
            self._sender,
            source=self._server.events.source,
            poll=settings.poll,
            concurrency=settings.concurrency,
        )

        async def wake() -> None:
            dispatcher.wake()

        call_after_changes(self._database, DELIVERIES.name, dispatcher.wake)
        watch.subscribe(EVENTS, wake)
        watch.subscribe(WEBHOOKS, targets.forget)
        watch.subscribe(KEYS, targets.forget)
        watch.subscribe(WEBHOOKS, wake)
        return dispatcher
