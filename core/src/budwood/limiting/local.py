"""The limiter inside the process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Final

from budwood.contracts import Clock
from budwood.limiting.counters import Counters, Period, find_denial
from budwood.limiting.lasting import LastingCounters
from budwood.limiting.places import Queues, Waiter, Wake, keys_of
from budwood.limiting.rates import MIN_DELAY, Rate
from budwood.types import Claim, Denial

_SWEEP_SIZE: Final = 1000
"""The number of rates above which those that are not used are removed."""


class LocalLimiter:
    """
    Keeps limits for all clients of a process; see `budwood.contracts.Limiter`. Safe to use from several threads.

    Args:
        clock: The clock: monotonic for rates, the time of day for the periods of quotas.
        lasting: Counts quotas that outlast the process.
    """

    def __init__(self, clock: Clock, lasting: LastingCounters) -> None:
        self._clock = clock
        self._lasting = lasting
        self.reset()

    def reset(self) -> None:
        """Forget everything but the counts in files: after a fork, and in tests."""
        self._lock = threading.Lock()
        self._rates: dict[str, Rate] = {}
        self._sweep_at = _SWEEP_SIZE
        self._active: dict[str, dict[str, float]] = {}
        self._quotas = Counters()
        self._grants: dict[str, dict[str, float]] = {}
        self._queues = Queues()
        self._changed: set[str] = set()
        self._lasting.reset()

    def reserve(self, ticket: str, claims: Sequence[Claim]) -> Denial | None:
        """Take all claims, or none of them."""
        with self._changing():
            granted = self._grants.get(ticket, {})
            claims = [claim for claim in claims if claim.key not in granted]
            denial = self._reserve(ticket, claims)
        lasting = [claim for claim in claims if _is_lasting(claim)]
        if not lasting:
            return denial
        count = self._lasting.take if denial is None else self._lasting.find_denial
        exhausted = count(lasting)  # also for a denied ticket: if a quota is exhausted, waiting is useless
        if exhausted is not None:
            self._withdraw(ticket, [claim for claim in claims if not _is_lasting(claim)])
        elif denial is None:
            with self._lock:
                self._grants.setdefault(ticket, {}).update({claim.key: claim.amount for claim in lasting})
        return exhausted or denial

    def settle(self, ticket: str, claims: Sequence[Claim], amounts: Mapping[str, float]) -> None:
        """Replace the amounts of granted claims with those that were used, and end its concurrency."""
        lasting: list[tuple[Claim, float]] = []
        with self._changing():
            granted = self._grants.get(ticket, {})
            for claim in claims:
                taken = granted.pop(claim.key, None)
                if taken is None:
                    continue
                difference = amounts.get(claim.key, taken) - taken
                if claim.kind == "concurrency":
                    self._end(ticket, claim.key)
                elif not _is_lasting(claim):
                    self._take(ticket, claim, difference)
                elif difference:
                    lasting.append((claim, difference))
            if not granted:
                self._grants.pop(ticket, None)
        if lasting:
            self._lasting.add(lasting)

    def cancel(self, ticket: str, claims: Sequence[Claim]) -> None:
        """Give up the place of a ticket that was denied, or give back all that was granted to it."""
        self._withdraw(ticket, claims)

    def watch(self, ticket: str, wake: Wake) -> None:
        """Call ``wake`` once, from any thread, when the denied ticket should ask again, or immediately."""
        with self._lock:
            waiter = self._queues.find(ticket)
            if waiter is not None and not self._should_ask(waiter):
                waiter.wake = wake
                return
        wake()

    def correct(self, claim: Claim, remaining: float, delay: float | None) -> None:
        """Lower the level of a rate to what the vendor reports."""
        now = self._clock.monotonic()
        with self._lock:
            self._rate(claim, now).correct(claim, remaining, delay, now)

    def close(self) -> None:
        """Close the file of lasting quotas. The next use opens it again."""
        self._lasting.close()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Lock the limiter, and afterwards wake the tickets that should ask again."""
        wakers: list[Wake] = []
        with self._lock:
            try:
                yield
            finally:
                for waiter in self._queues.firsts(self._changed):
                    if waiter.wake is not None and self._should_ask(waiter):
                        wakers.append(waiter.wake)
                        waiter.wake = None
                self._changed.clear()
        for wake in wakers:  # without the lock, since they may use the limiter
            wake()

    def _reserve(self, ticket: str, claims: Sequence[Claim]) -> Denial | None:
        """Take all claims but those on lasting quotas, or none of them."""
        quotas = [claim for claim in claims if claim.kind == "quota" and not claim.is_lasting]
        exhausted = find_denial([(each, self._quotas.used(Period.of(each))) for each in quotas], self._clock.time())
        if exhausted is not None:
            self._leave(ticket)
            return exhausted
        queued = tuple(claim for claim in claims if claim.kind != "quota")
        waiter = self._queues.find(ticket)
        if waiter is not None and waiter.keys != keys_of(queued):
            self._leave(ticket)  # it waits for other limits now
        denial = self._find_denial(ticket, queued)
        if denial is not None:
            waiter = self._queues.join(ticket, queued)
            self._changed.update(waiter.keys)  # what it waits for now may permit others to overtake it
            waiter.due = inf if denial.delay is None else self._clock.monotonic() + denial.delay
            return denial
        self._leave(ticket)
        for claim in (*queued, *quotas):
            self._grants.setdefault(ticket, {})[claim.key] = claim.amount
            self._take(ticket, claim, claim.amount)
        return None

    def _find_denial(self, ticket: str, claims: Sequence[Claim]) -> Denial | None:
        """Return why claims on rates and concurrency do not fit: the one that takes longest, if that is known."""
        now = self._clock.monotonic()
        keys = keys_of(claims)
        waiter = self._queues.find(ticket)
        for first in self._queues.firsts(keys):
            if (waiter is None or first.number < waiter.number) and self._delays(claims, keys, first, now):
                return Denial(next(claim for claim in claims if claim.key in first.keys), None)
        longest = 0.0
        denial: Denial | None = None
        for claim in claims:
            delay = self._delay(claim, now)
            if delay == inf:
                return Denial(claim, None, max(self._free(claim), 0.0))
            if delay > longest:
                longest = delay
                denial = Denial(claim, delay, max(self._rate(claim, now).level, 0.0))
        return denial

    def _delays(self, claims: Sequence[Claim], keys: frozenset[str], earlier: Waiter, now: float) -> bool:
        """
        Return whether claims would delay a ticket that asked earlier, or might do so.

        A ticket that waits for the limit of one model must not block all models. What others take from further limits
        in the meantime is refilled before it is granted, except for concurrency, which ends at an unknown time.
        """
        delay = max((self._delay(claim, now) for claim in earlier.claims if claim.key not in keys), default=0.0)
        if delay == 0.0:
            return True
        theirs = {claim.key: claim for claim in earlier.claims}
        return any(
            claim.kind == "concurrency"
            or self._rate(claim, now).delay(theirs[claim.key], now, before=claim.amount) > delay
            for claim in claims
            if claim.key in theirs
        )

    def _delay(self, claim: Claim, now: float) -> float:
        """Return the seconds until a claim fits, regardless of other waiting tickets; infinite if that is unknown."""
        if claim.kind == "rate":
            return self._rate(claim, now).delay(claim, now)
        return inf if self._free(claim) < min(claim.amount, claim.limit) else 0.0

    def _free(self, claim: Claim) -> float:
        return claim.limit - sum(self._active.get(claim.key, {}).values())

    def _should_ask(self, waiter: Waiter) -> bool:
        """Return whether a ticket would be granted now, or earlier than when it asks again without being woken."""
        denial = self._find_denial(waiter.ticket, waiter.claims)
        if denial is None:
            return True
        return denial.delay is not None and self._clock.monotonic() + denial.delay < waiter.due - MIN_DELAY

    def _withdraw(self, ticket: str, claims: Sequence[Claim]) -> None:
        with self._changing():
            self._leave(ticket)
        self.settle(ticket, claims, {claim.key: 0.0 for claim in claims})

    def _leave(self, ticket: str) -> None:
        self._changed.update(self._queues.leave(ticket))

    def _take(self, ticket: str, claim: Claim, amount: float) -> None:
        """Take units. A negative amount gives them back."""
        if claim.kind == "rate":
            rate = self._rate(claim, now := self._clock.monotonic())
            rate.update(claim, now)
            rate.take(amount)
            self._changed.add(claim.key)
        elif claim.kind == "quota":
            self._quotas.add(Period.of(claim), amount, self._clock.time())
        else:
            self._active.setdefault(claim.key, {})[ticket] = amount

    def _end(self, ticket: str, key: str) -> None:
        """End the concurrency of a ticket."""
        active = self._active[key]
        del active[ticket]
        if not active:
            del self._active[key]
        self._changed.add(key)

    def _rate(self, claim: Claim, now: float) -> Rate:
        rate = self._rates.get(claim.key)
        if rate is None:
            if len(self._rates) >= self._sweep_at:
                self._rates = {key: each for key, each in self._rates.items() if not each.is_idle(now)}
                self._sweep_at = max(2 * len(self._rates), _SWEEP_SIZE)
            rate = self._rates[claim.key] = Rate(claim, now)
        return rate


def _is_lasting(claim: Claim) -> bool:
    return claim.kind == "quota" and claim.is_lasting
