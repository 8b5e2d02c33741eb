"""Events of providers: endpoints that fail, and that recover."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from budwood import logs
from budwood.types import BreakerChanged, Observation
from budwood_server.database import DatabaseError
from budwood_server.events.waiting import wait_for_work

if TYPE_CHECKING:
    from budwood.types import EndpointState
    from budwood_server.events.outages import Outage, Outages

CHECK_SECONDS: Final = 10.0
"""Seconds between two looks at the outages that have not ended."""

LEASE_SECONDS: Final = 60.0
"""Seconds after which an outage ends if no worker reports an open breaker."""

QUIET_SECONDS: Final = 65.0
"""
Seconds without a failure after which an answer of the last minute ends an outage, also that of a worker whose breaker
never opened: the worker that has opened its breaker may get no calls.
"""

MAX_WAITING: Final = 1000
"""The changes of breakers that wait while the database fails. Further ones are left out."""


class ProviderEvents:
    """
    An observer that writes an event when an endpoint fails, and when it recovers: one for all workers.

    It only notes changes of breakers, so that no call waits. A task writes them at once. If the process is killed
    before, the failure is not told by it; a failure that was told always ends.

    Args:
        outages: The outages, which all workers share.
        wake: Called when events were written.

    Attributes:
        list_states: Returns the states of the endpoints of this process.
    """

    event_types = (BreakerChanged,)

    def __init__(self, outages: Outages, wake: Callable[[], None]) -> None:
        self._outages = outages
        self._wake = wake
        self._changes: deque[tuple[BreakerChanged, float]] = deque()
        self._changed = asyncio.Event()
        self._has_failed = False
        self.list_states: Callable[[], Iterable[EndpointState]] = lambda: ()

    def observe(self, event: Observation) -> None:
        """Note a change of a breaker."""
        if isinstance(event, BreakerChanged) and len(self._changes) < MAX_WAITING:
            self._changes.append((event, time.time()))
            self._changed.set()

    async def run(self) -> None:
        """Write changes at once, and look for outages that have ended, until the task is cancelled."""
        due = time.monotonic()
        while True:
            await wait_for_work(self._changed, CHECK_SECONDS)
            try:
                await self.flush()
                if time.monotonic() >= due:
                    due = time.monotonic() + CHECK_SECONDS
                    await self.check(time.time())
                self._has_failed = False
            except DatabaseError as error:
                if not self._has_failed:
                    logs.emit("events of providers not written", level="warning", reason=str(error))
                self._has_failed = True

    async def flush(self) -> None:
        """
        Write the changes of breakers.

        Raises:
            DatabaseError: The database cannot be used. The changes wait.
        """
        while self._changes:
            change, moment = self._changes[0]
            if change.state == "closed":
                await self._outages.end(change.endpoint, "answered", moment)
            else:
                await self._outages.begin(change, moment)
            self._changes.popleft()
            self._wake()

    async def check(self, now: float) -> None:
        """
        Report open breakers of this process, and end outages of which no breaker tells the end.

        Raises:
            DatabaseError: The database cannot be used.
        """
        if outages := await self._outages.read():
            states = {state.name: state for state in self.list_states()}
            for outage in outages:
                await self._check_one(outage, states.get(outage.endpoint), now)

    async def close(self) -> None:
        """Write the last changes, if the database can be used. Call it after the end of the task."""
        with contextlib.suppress(DatabaseError):
            await self.flush()

    async def _check_one(self, outage: Outage, state: EndpointState | None, now: float) -> None:
        if state is not None and state.state != "closed":
            await self._outages.renew(outage, now)
        elif state is not None and state.calls > state.failures and outage.failed < now - QUIET_SECONDS:
            await self._outages.end(outage.endpoint, "answered", now, unchanged=outage)
        elif outage.seen < now - LEASE_SECONDS:
            await self._outages.end(outage.endpoint, "reset", now, unchanged=outage)
