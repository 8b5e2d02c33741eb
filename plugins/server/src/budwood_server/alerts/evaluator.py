"""Check the rules of alerts, and tell what has changed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from budwood import logs
from budwood_server.alerts.callbacks import Callbacks
from budwood_server.alerts.rules import EVENT, LOG, AlertRule
from budwood_server.alerts.states import AlertState, Change, advance
from budwood_server.alerts.store import LEASE_SECONDS, AlertStore, Claim, Outcome
from budwood_server.database import DatabaseError
from budwood_server.events.owners import find_owner
from budwood_server.events.recording import NewEvent

if TYPE_CHECKING:
    from budwood_server.alerts.measures import Measures
    from budwood_server.database import Database
    from budwood_server.settings import ServerSettings

BATCH: Final = 8
"""The maximum number of alerts that a process claims at once, so that others check some at the same time."""

STOP_SECONDS: Final = 5.0
"""Seconds for which the end of the process waits for a check."""

REMOVED_SECONDS: Final = 60.0
"""Seconds without a check, besides two times the pause, after which no worker has the rule of an alert any more."""


class Evaluator:
    """
    Checks the alerts that are due. Every process has one; each alert is checked by one of them at a time.

    Args:
        database: The database.
        find_settings: Returns the present settings of the server.
        wake: Is called after events were written.
        callbacks: Calls functions.
        now: Returns the seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        find_settings: Callable[[], ServerSettings],
        wake: Callable[[], None],
        *,
        callbacks: Callbacks | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._find_settings = find_settings
        self._wake = wake
        self._callbacks = callbacks or Callbacks()
        self._now = now
        self._store = AlertStore(database)
        self._measures: Measures | None = None
        self._has_failed = False
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Check alerts in a task of the running event loop."""
        self._task = asyncio.create_task(self.run(), name="budwood-alerts")

    async def close(self) -> None:
        """Stop after the check under way, or after some seconds: others check its alert once the lease has ended."""
        task, self._task = self._task, None
        self._stopping.set()
        if task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await task

    async def run(self) -> None:
        """Check alerts until `close` is called."""
        while not self._stopping.is_set():
            try:
                await self.check()
                self._has_failed = False
            except DatabaseError as error:
                if not self._has_failed:
                    logs.emit("alerts not checked", level="warning", reason=str(error))
                self._has_failed = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._find_settings().events.alerts_poll):
                    await self._stopping.wait()

    async def check(self) -> None:
        """
        Check the alerts that are due, and end those whose rules were removed.

        Raises:
            DatabaseError: The database cannot be used.
        """
        settings = self._find_settings()
        rules, pause = settings.alerts, settings.events.alerts_poll
        states = await self._store.read()
        if new := rules.keys() - states.keys():
            await self._store.add(new)
            states = await self._store.read()
        due = [claim for name, claim in states.items() if name in rules and self._is_due(claim, pause)]
        for start in range(0, len(due), BATCH):
            if self._stopping.is_set():
                return
            for claim in await self._store.claim(due[start : start + BATCH], self._now()):
                await self._check(claim, rules[claim.name], pause)
        await self._remove([claim for name, claim in states.items() if name not in rules], pause)

    async def list_firing(self) -> Mapping[str, bool]:
        """
        Return whether the alert of each rule fires.

        Raises:
            DatabaseError: The database cannot be used.
        """
        states = await self._store.read()
        names = self._find_settings().alerts
        return {name: name in states and states[name].state.fired is not None for name in names}

    def _is_due(self, claim: Claim, pause: float) -> bool:
        """Tell whether an alert is to be checked. A moment that is too far ahead is that of a wrong clock."""
        now = self._now()
        return claim.due <= now or claim.due > now + 2 * max(pause, LEASE_SECONDS)

    async def _check(self, claim: Claim, rule: AlertRule, pause: float) -> None:
        """Check an alert, and tell whether it has started or ended."""
        now = self._now()
        measured = await self._find_measures().measure(rule, now)
        state, change = advance(rule, claim.state, measured, now, 2 * pause + LEASE_SECONDS)
        told, before = rule, state
        if change is not None and change.reason == "rule_changed":
            told, before = claim.state.rule or rule, claim.state
        alert = None if change is None else _describe(claim.name, told, before, change)
        await self._finish(Outcome(claim, state, now + pause, _make_event(told, alert, now)), told, alert)

    async def _remove(self, claims: Collection[Claim], pause: float) -> None:
        """End the alerts that no worker has checked for a while: other workers may still have their rules."""
        now = self._now()
        for claim in claims:
            if claim.due > now - 2 * pause - REMOVED_SECONDS:
                continue
            rule, state = claim.state.rule, claim.state
            alert = None
            if rule is not None and state.fired is not None:
                alert = _describe(claim.name, rule, state, Change("ended", state.fired, "rule_removed"))
            await self._finish(Outcome(claim, None, 0.0, _make_event(rule, alert, now)), rule, alert)

    async def _finish(self, outcome: Outcome, rule: AlertRule | None, alert: Mapping[str, Any] | None) -> None:
        """Store an outcome, and tell of a change unless another worker has claimed the alert meanwhile."""
        if not await self._store.finish(outcome) or rule is None or alert is None:
            return
        if outcome.event is not None:
            self._wake()
        if LOG in rule.to:
            is_firing = alert["state"] == "firing"
            logs.emit("alert fires" if is_firing else "alert ended", level="warning" if is_firing else "info", **alert)
        for target in rule.callbacks:
            self._callbacks.call(target, alert)

    def _find_measures(self) -> Measures:
        from budwood_server.alerts.measures import Measures  # imports FastAPI's models; most servers have no rules

        if self._measures is None:
            self._measures = Measures(self._database)
        return self._measures


def _describe(name: str, rule: AlertRule, state: AlertState, change: Change) -> Mapping[str, Any]:
    """Return the data of the event of a change."""
    from budwood_server.events.schemas import AlertFired  # as in `Evaluator._find_measures`

    fields = rule.describe() | {"rule": name, "value": state.value, "calls": state.calls} | change._asdict()
    return AlertFired.model_validate(fields).model_dump(mode="json")


def _make_event(rule: AlertRule | None, alert: Mapping[str, Any] | None, now: float) -> NewEvent | None:
    """Return the event of a change, if the rule wants one."""
    if rule is None or alert is None or EVENT not in rule.to:
        return None
    return NewEvent("alert.fired", alert["rule"], alert, owner=find_owner(rule.select_calls().tags), time=now)
