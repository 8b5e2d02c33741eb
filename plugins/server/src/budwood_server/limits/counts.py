"""
What all workers together have used of a limit, and what each of them holds of it.

A worker leases units ahead of use, so that its calls touch no table. What it has leased counts as taken for all others:
however it is used, and whichever process is killed, all workers together never exceed the limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, NamedTuple

LEASE_SECONDS: Final = 20.0
"""How long a lease lasts without being renewed."""

KEPT_SECONDS: Final = 300.0
"""How long the counts of a period are kept after its end."""

RECALL_SECONDS: Final = 2.0
"""How long workers hold no units in reserve after one of them had too few."""

NANODOLLARS: Final = 10**9
"""The units of a dollar, in which budgets are counted."""

SPARE_SHARE: Final = 0.25
"""The share of what is left that a worker may hold in reserve: the less is left, the smaller are the leases."""


class Period(NamedTuple):
    """
    A limit in one of its periods.

    Attributes:
        key: Identifies the limit.
        resets_at: The end of the period in seconds since 1970; `math.inf` for never.
    """

    key: str
    resets_at: float


class Lease(NamedTuple):
    """
    What a worker holds.

    Attributes:
        amount: The units: those that its calls have reserved, and those in reserve.
        idle: The units in reserve.
        renewed: When the worker reported them, in seconds since 1970.
    """

    amount: float
    idle: float
    renewed: float


@dataclass(slots=True)
class Count:
    """
    The state of a period, which all workers share.

    Attributes:
        used: The units that were used.
        recalled_until: Until when workers hold no units in reserve, in seconds since 1970.
        leases: What each worker holds, by its id.
    """

    used: float = 0.0
    recalled_until: float = 0.0
    leases: dict[str, Lease] = field(default_factory=dict)


class LeaseRequest(NamedTuple):
    """
    What a worker reports and asks for.

    Attributes:
        period: The period.
        limit: The limit.
        spent: The units that calls have used since the last request.
        held: The units that calls have reserved.
        idle: The units in reserve that the worker keeps. What it held besides is returned.
        needed: The further units that waiting calls need together; ``least`` is the smallest need of a call.
        spare: The further units that it would like to have in reserve.
        since: Since when calls wait, in seconds since 1970.
        has_lease: Whether it holds a lease, as far as it knows.
    """

    period: Period
    limit: float
    spent: float = 0.0
    held: float = 0.0
    idle: float = 0.0
    needed: float = 0.0
    least: float = 0.0
    spare: float = 0.0
    since: float = 0.0
    has_lease: bool = False

    def without_lease(self) -> LeaseRequest:
        """Return the request of a worker that had no lease."""
        return self._replace(spent=0.0, held=0.0, idle=0.0, has_lease=False)


class LeaseAnswer(NamedTuple):
    """
    What a worker got.

    Attributes:
        granted: The further units.
        left: The units that no worker has used or holds.
        others_idle: The units that other workers have in reserve.
        returnable: The units that other workers may return soon, if some were missing: those that they have in reserve,
            and all of those that have not reported since calls wait.
        is_recalled: Whether units in reserve are to be returned.
        is_lost: Whether the lease had expired. Then all of it counts as used, because others could not know better.
        used: The units that all workers have used.
    """

    granted: float
    left: float
    others_idle: float = 0.0
    returnable: float = 0.0
    is_recalled: bool = False
    is_lost: bool = False
    used: float = 0.0


def exchange(count: Count, request: LeaseRequest, worker: str, now: float) -> LeaseAnswer:
    """
    Settle what a worker has used, and renew its lease.

    Args:
        count: The state, which is changed.
        request: What the worker reports and asks for.
        worker: The id of the worker.
        now: Seconds since 1970.
    """
    own = count.leases.pop(worker, None)
    _end_expired(count, now)
    is_lost = request.has_lease and own is None
    if not is_lost:
        count.used += request.spent
    kept = 0.0 if is_lost else request.held + request.idle
    others = count.leases.values()
    room = request.limit - count.used - sum(lease.amount for lease in others) - kept
    others_idle = sum(lease.idle for lease in others)
    returnable = sum(lease.idle if lease.renewed > request.since else lease.amount for lease in others)
    if request.needed > room and returnable > 0 and request.least <= room + returnable:
        count.recalled_until = now + RECALL_SECONDS
    is_recalled = count.recalled_until > now
    granted = _grant(request, room, is_recalled=is_recalled)
    if kept + granted > 0:
        idle = granted if is_lost else request.idle + granted
        count.leases[worker] = Lease(kept + granted, idle, now)
    return LeaseAnswer(
        granted, max(room - granted, 0.0), others_idle, returnable, is_recalled, is_lost, used=count.used
    )


def _end_expired(count: Count, now: float) -> None:
    """End the leases of workers that were killed. What they used is not known, so that the lease counts as used."""
    for worker, lease in tuple(count.leases.items()):
        if lease.renewed + LEASE_SECONDS <= now:
            count.used += lease.amount
            del count.leases[worker]


def _grant(request: LeaseRequest, room: float, *, is_recalled: bool) -> float:
    if request.needed > room:
        return room if room > 0 and room >= request.least else 0.0
    spare = 0.0 if is_recalled else math.floor(min(request.spare, room * SPARE_SHARE))  # parts of units are of no use
    return max(request.needed, spare)
