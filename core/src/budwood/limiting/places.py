"""The queues of tickets that wait for limits."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from budwood.types import Claim

Wake = Callable[[], object]


class Waiter:
    """
    A denied ticket.

    Attributes:
        ticket: The ticket.
        claims: Its claims on limits that have queues.
        due: When it asks again without being woken, on the monotonic clock; infinite if it does not.
        wake: Wakes it; None if it does not watch.
    """

    __slots__ = ("claims", "due", "ticket", "wake")

    def __init__(self, ticket: str, claims: tuple[Claim, ...]) -> None:
        self.ticket = ticket
        self.claims = claims
        self.due = inf
        self.wake: Wake | None = None


class Queues:
    """A queue per limit. A ticket joins the queues of all its limits at once, so their orders agree."""

    def __init__(self) -> None:
        self._waiters: dict[str, Waiter] = {}
        self._queues: dict[str, dict[str, Waiter]] = {}

    def find(self, ticket: str) -> Waiter | None:
        """Return a waiting ticket."""
        return self._waiters.get(ticket)

    def first(self, key: str) -> Waiter | None:
        """Return the first ticket that waits for a limit."""
        queue = self._queues.get(key)
        return next(iter(queue.values())) if queue else None

    def join(self, ticket: str, claims: tuple[Claim, ...]) -> Waiter:
        """Add a ticket to the ends of queues, or keep its places. It must not wait for other limits."""
        waiter = self._waiters.get(ticket)
        if waiter is not None:
            waiter.claims = claims
            return waiter
        waiter = self._waiters[ticket] = Waiter(ticket, claims)
        for claim in claims:
            self._queues.setdefault(claim.key, {})[ticket] = waiter
        return waiter

    def leave(self, ticket: str) -> tuple[str, ...]:
        """Remove a ticket, and return the keys of its queues."""
        waiter = self._waiters.pop(ticket, None)
        keys = tuple(claim.key for claim in waiter.claims) if waiter is not None else ()
        for key in keys:
            queue = self._queues[key]
            del queue[ticket]
            if not queue:
                del self._queues[key]
        return keys
