"""The queues of tickets that wait for limits."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from math import inf

from budwood.types import Claim

Wake = Callable[[], object]


class Waiter:
    """
    A denied ticket.

    Attributes:
        ticket: The ticket.
        number: Its place in the order of all tickets.
        claims: Its claims on limits that have queues.
        keys: The keys of the claims.
        due: When it asks again without being woken, on the monotonic clock; infinite if it does not.
        wake: Wakes it; None if it does not watch.
    """

    __slots__ = ("claims", "due", "keys", "number", "ticket", "wake")

    def __init__(self, ticket: str, number: int, claims: tuple[Claim, ...]) -> None:
        self.ticket = ticket
        self.number = number
        self.claims = claims
        self.keys = keys_of(claims)
        self.due = inf
        self.wake: Wake | None = None


class Queues:
    """The waiting tickets: one queue for each set of limits that tickets wait for."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._waiters: dict[str, Waiter] = {}
        self._queues: dict[frozenset[str], dict[str, Waiter]] = {}
        self._by_key: dict[str, dict[frozenset[str], None]] = {}

    def find(self, ticket: str) -> Waiter | None:
        """Return a waiting ticket."""
        return self._waiters.get(ticket)

    def firsts(self, keys: Iterable[str]) -> list[Waiter]:
        """Return the first ticket of each queue that has one of the limits, in the order of the tickets."""
        queues = {queue: None for key in keys for queue in self._by_key.get(key, ())}
        firsts = [next(iter(self._queues[queue].values())) for queue in queues]
        return sorted(firsts, key=lambda waiter: waiter.number)

    def join(self, ticket: str, claims: tuple[Claim, ...]) -> Waiter:
        """Add a ticket to the end of a queue, or keep its place. It must not wait for other limits."""
        waiter = self._waiters.get(ticket)
        if waiter is not None:
            waiter.claims = claims
            return waiter
        waiter = self._waiters[ticket] = Waiter(ticket, next(self._numbers), claims)
        self._queues.setdefault(waiter.keys, {})[ticket] = waiter
        for key in waiter.keys:
            self._by_key.setdefault(key, {})[waiter.keys] = None
        return waiter

    def leave(self, ticket: str) -> frozenset[str]:
        """Remove a ticket, and return the keys of its limits."""
        waiter = self._waiters.pop(ticket, None)
        if waiter is None:
            return frozenset()
        queue = self._queues[waiter.keys]
        del queue[ticket]
        if not queue:
            del self._queues[waiter.keys]
            for key in waiter.keys:
                del self._by_key[key][waiter.keys]
                if not self._by_key[key]:
                    del self._by_key[key]
        return waiter.keys


def keys_of(claims: Iterable[Claim]) -> frozenset[str]:
    """Return the keys of claims."""
    return frozenset(claim.key for claim in claims)
