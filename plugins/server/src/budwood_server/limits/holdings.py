"""What this worker holds of a limit."""

from __future__ import annotations

from math import inf
from typing import Final

from budwood.types import Claim, Denial
from budwood_server.limits.counts import LEASE_SECONDS, Count, LeaseAnswer, LeaseRequest, Period

RENEW_SECONDS: Final = 5.0
"""How often a lease is renewed, and what was used is reported."""

REPORT_SECONDS: Final = 0.5
"""The same while another worker needs units."""

MARGIN_SECONDS: Final = 5.0
"""The end of a lease during which its units are not used: clocks differ, and a transaction takes time."""

IDLE_SECONDS: Final = 3.0
"""After how many seconds without a call units in reserve are returned."""

REFUSED_SECONDS: Final = 1.0
"""How long claims are refused without asking the store again."""

FIRST_CALLS: Final = 4
"""The first lease is for this number of calls like the first. It doubles when it was used up within `IDLE_SECONDS`."""

MIN_DELAY: Final = 0.001
"""The least number of seconds after which a denied call asks again."""

_USABLE_SECONDS: Final = LEASE_SECONDS - MARGIN_SECONDS


class Holding:
    """
    The units of a period that this worker holds, and what its calls did with them.

    Moments are seconds of the monotonic clock, unless they are said to be of another.

    Args:
        period: The period.
        limit: The limit.

    Attributes:
        idle: The units in reserve.
        held: The units that calls have reserved.
        spent: The units that calls have used, and that were not reported.
        least: The smallest need of a waiting call; ``needed`` is what they need together, and ``since`` is when the
            first of them began to wait, in seconds since 1970.
        left: The units that no worker had used or held when the store was asked last; ``others_idle`` are those that
            other workers had in reserve, and ``returnable`` those that they might return.
        is_exchanged: Whether the store is being asked.
        is_leased: Whether the store has a lease for this worker.
        is_recalled: Whether units in reserve are to be returned, because another worker needs them.
    """

    __slots__ = (
        "_refused",
        "_refused_until",
        "_spare",
        "_topped_up_at",
        "_usable_until",
        "_used_at",
        "held",
        "idle",
        "is_exchanged",
        "is_leased",
        "is_recalled",
        "least",
        "left",
        "limit",
        "needed",
        "others_idle",
        "period",
        "returnable",
        "since",
        "spent",
    )

    def __init__(self, period: Period, limit: float) -> None:
        self.period = period
        self.limit = limit
        self.idle = self.held = self.spent = self.needed = self.left = 0.0
        self.others_idle = self.returnable = 0.0
        self.least = self.since = inf
        self.is_exchanged = self.is_leased = self.is_recalled = False
        self._spare = 0.0
        self._used_at = self._topped_up_at = self._usable_until = self._refused_until = -inf
        self._refused = inf

    def fits(self, claim: Claim, now: float) -> bool:
        """Tell whether a claim fits into the units in reserve."""
        return claim.amount <= self.idle and claim.limit >= self.limit and now < self._usable_until

    def is_refused(self, claim: Claim, now: float) -> bool:
        """Tell whether the store has refused as much a moment ago, and no call has given units back since."""
        return now < self._refused_until and claim.amount >= self._refused and claim.limit <= self.limit

    def refuse(self, claim: Claim, now: float) -> None:
        """Note that the store has no room for a claim."""
        self._refused = claim.amount if now >= self._refused_until else min(self._refused, claim.amount)
        self._refused_until = now + REFUSED_SECONDS

    def may_get(self, claim: Claim) -> bool:
        """Tell whether the store may have room for a claim once other workers have returned their reserves."""
        return self.returnable > 0 and claim.amount <= self.left + self.returnable + self.idle

    def deny(self, claim: Claim, time: float) -> Denial:
        """Return why a claim does not fit, at a time in seconds since 1970."""
        delay = None if claim.resets_at is None else max(claim.resets_at - time, MIN_DELAY)
        return Denial(claim, delay, max(self.left + self.others_idle + self.idle, 0.0))

    def take(self, amount: float, now: float) -> None:
        """Reserve units for a call."""
        self.idle -= amount
        self.held += amount
        self._used_at = now

    def settle(self, taken: float, used: float) -> None:
        """Replace the units that a call has reserved with those that it used."""
        self.held -= taken
        self.spent += used
        self.idle += taken - used  # a call that used more takes it from the reserve
        if self.idle < 0:  # more than was leased, which the store learns at once
            self.left, self.idle = self.left + self.idle, 0.0
            self._usable_until = -inf
        if used < taken:
            self._refused_until = -inf

    def ask(self, claim: Claim, now: float, since: float) -> None:
        """Note that a call needs units, and since when it waits, in seconds since 1970."""
        if claim.limit != self.limit:
            self.idle = self.idle if claim.limit > self.limit else 0.0  # leased when the limit was higher
            self.limit = claim.limit
            self._refused_until = -inf
        self.needed += claim.amount
        self.least = min(self.least, claim.amount)
        self.since = min(self.since, since)
        is_used_up = now - self._topped_up_at < IDLE_SECONDS
        self._spare = max(2 * self._spare if is_used_up else 0.0, FIRST_CALLS * claim.amount)

    def is_over(self, time: float) -> bool:
        """Tell whether the period has ended, at a time in seconds since 1970."""
        return self.period.resets_at <= time

    def is_due(self, now: float) -> bool:
        """Tell whether there is something to report, to renew, to return or to lease ahead of use."""
        if self.is_recalled or now - self._used_at >= IDLE_SECONDS:
            self._spare = 0.0
        is_low = self.idle < self._spare / 2 and not self.is_recalled and now >= self._refused_until
        seconds = REPORT_SECONDS if self.is_recalled else RENEW_SECONDS
        is_old = (self.is_leased or self.spent > 0) and now >= self._usable_until - _USABLE_SECONDS + seconds
        return is_low or is_old or self.idle > 2 * self._spare

    def is_empty(self, now: float) -> bool:
        """Tell whether the worker needs to remember nothing of it."""
        is_used = self.is_exchanged or self.is_leased or self.held or self.spent or self.needed
        return not is_used and now >= self._refused_until

    def begin_exchange(self) -> LeaseRequest:
        """Return what to ask the store. What is returned can no longer be used by calls; the rest can."""
        self.idle = min(self.idle, self._spare + self.needed)
        request = LeaseRequest(
            self.period,
            self.limit,
            spent=self.spent,
            held=self.held,
            idle=self.idle,
            needed=max(self.needed - self.idle, 0.0),
            least=max(self.least - self.idle, 0.0) if self.needed else 0.0,
            spare=max(self._spare + self.needed - self.idle, 0.0),
            since=self.since if self.needed else 0.0,
            has_lease=self.is_leased,
        )
        self.needed, self.least, self.since = 0.0, inf, inf
        self.is_exchanged = True
        return request

    def end_exchange(self, request: LeaseRequest, answer: LeaseAnswer, started: float) -> None:
        """Note what the store answered to a request that was sent at a moment."""
        self.spent -= request.spent
        self.idle += answer.granted
        self.left, self.others_idle, self.returnable = answer.left, answer.others_idle, answer.returnable
        self.is_recalled = answer.is_recalled
        self.is_leased = request.held + request.idle + answer.granted > 0
        self._usable_until = started + _USABLE_SECONDS
        if answer.granted < request.spare:  # little is left: a smaller reserve is leased ahead of use
            self._spare = max(self.idle - request.needed, 0.0)
        if request.needed:
            self._topped_up_at = started


def count_taken(count: Count, own: Holding | None, worker: str, now: float) -> float:
    """
    Return the units that all workers have used, or that their running calls have reserved.

    Args:
        count: What the store knows.
        own: What this worker holds, which it knows better than the store; None if it holds nothing, or is reporting it.
        worker: The id of this worker.
        now: Seconds since 1970.
    """
    taken = count.used
    for name, lease in count.leases.items():
        if own is None or name != worker:
            has_expired = lease.renewed + LEASE_SECONDS <= now  # all of it counts as used
            taken += lease.amount if has_expired else lease.amount - lease.idle
    return taken if own is None else taken + own.held + own.spent
