"""The units that this worker has leased of the limits that all workers share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from budwood.logs import emit
from budwood_server.limits.counts import KEPT_SECONDS, Period
from budwood_server.limits.holdings import Holding, count_taken

if TYPE_CHECKING:
    from budwood.contracts import Clock
    from budwood.types import Claim, Denial
    from budwood_server.limits.stores import LeaseStore

TICK_SECONDS: Final = 0.25
"""How often the worker looks for what to lease ahead of use, to renew and to return."""

RECALL_WAIT: Final = 1.5
"""The longest that a call waits until other workers have returned what they hold in reserve."""

RECALL_POLL: Final = 0.1
"""Seconds between two looks at what they have returned."""

PRUNE_SECONDS: Final = 60.0
"""How often counts of old periods are removed."""

BATCH: Final = 100
"""The most periods in one transaction."""


class Leases:
    """
    Counts claims on quotas against units that were leased from a store ahead of use.

    One event loop uses it. `reserve`, `settle` and `cancel` never wait; `ensure` asks the store if what was leased is
    too little for a call. In the background, leases are renewed, and units that are not used are returned.

    Args:
        store: The store that all workers share.
        clock: The clock: monotonic for leases, the time of day for periods.
        worker: The id of this worker, which no other one has; by default a random one.
    """

    def __init__(self, store: LeaseStore, clock: Clock, worker: str | None = None) -> None:
        self.worker: Final = worker or uuid4().hex
        self._store = store
        self._clock = clock
        self._holdings: dict[Period, Holding] = {}
        self._granted: dict[str, list[tuple[Holding, str, float]]] = {}
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._prune_at = -inf
        self._has_failed = False
        self._is_stopping = False

    def start(self) -> None:
        """Renew leases in the background from now on."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="budwood-leases")

    async def stop(self) -> None:
        """Report what was used and return what is in reserve. Calls that run keep what they have reserved."""
        self._is_stopping = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        for holding in self._holdings.values():
            holding.is_recalled = True
        try:
            await self._exchange_after(self._next or self._running, everything=True)
        except OSError as error:  # the leases expire
            emit("limits not returned", level="warning", reason=str(error))
        await self._store.close()

    def is_granted(self, ticket: str) -> bool:
        """Tell whether a ticket has reserved units."""
        return ticket in self._granted

    def can_decide(self, claims: Iterable[Claim]) -> bool:
        """Tell whether `reserve` needs nothing from the store: all claims fit, or one was refused a moment ago."""
        now = self._clock.monotonic()
        fit = True
        for claim in claims:
            holding = self._holdings.get(_period_of(claim))
            if holding is None:
                fit = False
            elif not holding.fits(claim, now):
                if holding.is_refused(claim, now):
                    return True
                fit = False
        return fit

    def reserve(self, ticket: str, claims: Sequence[Claim]) -> Denial | None:
        """
        Reserve all claims from what was leased, or none of them. A granted ticket that asks again takes nothing more.

        Returns:
            None if they were reserved; otherwise the denial of one that does not fit.
        """
        if ticket in self._granted:
            return None
        now = self._clock.monotonic()
        holdings = [self._find(claim) for claim in claims]
        for holding, claim in zip(holdings, claims, strict=True):
            if not holding.fits(claim, now):
                return holding.deny(claim, self._clock.time())
        for holding, claim in zip(holdings, claims, strict=True):
            holding.take(claim.amount, now)
        self._granted[ticket] = [(each, claim.key, claim.amount) for each, claim in zip(holdings, claims, strict=True)]
        return None

    def settle(self, ticket: str, amounts: Mapping[str, float]) -> None:
        """Replace what a ticket has reserved with what it used; claims without an amount keep theirs."""
        for holding, key, amount in self._granted.pop(ticket, ()):
            holding.settle(amount, amounts.get(key, amount))

    def cancel(self, ticket: str) -> None:
        """Give back all that a ticket has reserved. It is no error if that is nothing."""
        for holding, _, amount in self._granted.pop(ticket, ()):
            holding.settle(amount, 0.0)

    async def ensure(self, claims: Sequence[Claim]) -> None:
        """
        Lease what claims lack. Afterwards `reserve` grants them, unless they do not fit into the limit.

        If only other workers have room, waits up to 1.5 s until they have returned what they hold in reserve.

        Raises:
            OSError: The store cannot be used.
        """
        deadline, since = self._clock.monotonic() + RECALL_WAIT, self._clock.time()
        while lacking := self._find_lacking(claims):
            for holding, claim in lacking:
                holding.ask(claim, self._clock.monotonic(), since)
            await self._join_exchange()
            now = self._clock.monotonic()
            short = [(self._find(claim), claim) for _, claim in lacking]
            short = [(holding, claim) for holding, claim in short if not holding.fits(claim, now)]
            if not short:
                continue  # unless another call took it in the meantime, all is there
            for holding, claim in short:
                if now >= deadline or not holding.may_get(claim):
                    holding.refuse(claim, now)
            if not any(holding.is_refused(claim, now) for holding, claim in short):
                await self._clock.sleep_async(RECALL_POLL)

    async def read_taken(self, keys: Collection[str]) -> Mapping[Period, float]:
        """
        Return the units of limits that were used or are reserved in the present periods; see `count_taken`.

        Args:
            keys: The keys of the limits. Those of which nothing was used are missing in the result.

        Raises:
            OSError: The store cannot be used.
        """
        now = self._clock.time()
        counts = await self._store.read(frozenset(keys), now) if keys else {}
        return {
            period: count_taken(count, self._find_own(period), self.worker, now) for period, count in counts.items()
        }

    def _find_own(self, period: Period) -> Holding | None:
        """Return what this worker holds; None if that is just being reported, so that the store may know it already."""
        holding = self._holdings.get(period)
        return None if holding is None or holding.is_exchanged else holding

    async def check(self) -> None:
        """
        Ask the store for what it can answer quickly.

        Raises:
            OSError: The store cannot be used.
        """
        await self._store.list_recalled(self._clock.time())

    async def refresh(self) -> None:
        """
        Lease ahead of use, renew, return what is not used, and forget periods that have ended.

        Raises:
            OSError: The store cannot be used.
        """
        self._forget_old()
        if any(holding.is_leased for holding in self._holdings.values()):
            for period in await self._store.list_recalled(self._clock.time()):
                if (holding := self._holdings.get(period)) is not None:
                    holding.is_recalled = True
        now = self._clock.monotonic()
        if any(holding.is_due(now) for holding in self._holdings.values()):
            await self._join_exchange()
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_SECONDS
            await self._store.prune(self._clock.time() - KEPT_SECONDS)

    def _find(self, claim: Claim) -> Holding:
        period = _period_of(claim)
        holding = self._holdings.get(period)
        if holding is None:
            holding = self._holdings[period] = Holding(period, claim.limit)
        return holding

    def _find_lacking(self, claims: Iterable[Claim]) -> list[tuple[Holding, Claim]]:
        """Return the claims that do not fit; none if one of them was refused, since then all are."""
        now = self._clock.monotonic()
        lacking = []
        for claim in claims:
            holding = self._find(claim)
            if not holding.fits(claim, now):
                if holding.is_refused(claim, now):
                    return []
                lacking.append((holding, claim))
        return lacking

    def _forget_old(self) -> None:
        now, time = self._clock.monotonic(), self._clock.time()
        for period, holding in tuple(self._holdings.items()):
            if holding.is_empty(now) or (holding.is_over(time) and not (holding.held or holding.is_exchanged)):
                del self._holdings[period]

    async def _join_exchange(self) -> None:
        """Wait for the next exchange with the store, which starts once the present one has ended."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._exchange_after(self._running))
        await asyncio.shield(self._next)

    async def _exchange_after(self, running: asyncio.Task[None] | None, *, everything: bool = False) -> None:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        now = self._clock.monotonic()
        due = sorted(  # stores lock the periods in this order
            period
            for period, holding in self._holdings.items()
            if holding.needed or holding.is_due(now) or (everything and not holding.is_empty(now))
        )
        for start in range(0, len(due), BATCH):
            await self._exchange([self._holdings[period] for period in due[start : start + BATCH]])

    async def _exchange(self, holdings: Sequence[Holding]) -> None:
        started = self._clock.monotonic()
        requests = [holding.begin_exchange() for holding in holdings]
        try:
            answers = await self._store.exchange(self.worker, requests, self._clock.time())
        finally:
            for holding in holdings:
                holding.is_exchanged = False
        for holding, request, answer in zip(holdings, requests, answers, strict=True):
            if answer.is_lost:  # all of it counts as used; calls that run settle with the old holding
                emit("lease of a limit lost", level="warning", limit=holding.period.key)
                replaced = Holding(holding.period, holding.limit)
                self._holdings[holding.period] = replaced
                replaced.end_exchange(request.without_lease(), answer, started)
            else:
                holding.end_exchange(request, answer, started)

    async def _run(self) -> None:
        while not self._is_stopping:  # a client of a store may report a timeout in place of the cancellation
            await self._clock.sleep_async(TICK_SECONDS)
            try:
                await self.refresh()
                self._has_failed = False
            except OSError as error:
                if not self._has_failed:
                    emit("limits not renewed", level="warning", reason=str(error))
                self._has_failed = True


def _period_of(claim: Claim) -> Period:
    return Period(claim.key, inf if claim.resets_at is None else claim.resets_at)
