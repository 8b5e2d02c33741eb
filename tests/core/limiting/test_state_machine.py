"""Random histories of the limiter inside the process: nothing beyond a limit, and no ticket forgotten."""

from __future__ import annotations

import tempfile
from math import inf
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from budwood.limiting import LocalLimiter
from budwood.limiting.lasting import LastingCounters
from budwood.types import Claim
from budwood_testing import FakeClock

DAY = 86_400.0
ROUNDING = 1e-6
LIMITS = {
    "requests": Claim("requests", "rate", 60),
    "tokens": Claim("tokens", "rate", 6000),
    "slots": Claim("slots", "concurrency", 2),
    "day": Claim("day", "quota", 500),
    "month": Claim("month", "quota", 2000, is_lasting=True),
}


class JumpingClock(FakeClock):
    """
    A fake clock whose time of day can be set.
    """

    offset = 0.0

    def time(self):
        """
        Return seconds since 1970.
        """
        return super().time() + self.offset


class Limits(RuleBasedStateMachine):
    """
    Compares a limiter with plain sums of what it granted and took back.
    """

    tickets = Bundle("tickets")

    def __init__(self):
        super().__init__()
        self.clock = JumpingClock()
        self.folder = tempfile.TemporaryDirectory()
        self.limiter = self.open()
        self.count = 0
        self.queue = {}  # the claims of each denied ticket, in the order of their first denials
        self.due = {}  # when it asks again
        self.woken = set()
        self.held = {}  # the claims of each granted ticket
        self.changes = {key: [] for key in LIMITS}  # moments and changes of rates
        self.used = {}  # the units of each period of a quota

    def open(self):
        """
        Open a limiter.
        """
        path = Path(self.folder.name, "limits.sqlite3")
        return LocalLimiter(self.clock, LastingCounters(path, self.clock, lambda *_, **__: None))

    def claim(self, key, amount):
        """
        Return the claim of a ticket for a limit.
        """
        claim = LIMITS[key]
        if claim.kind != "quota":
            return claim._replace(amount=1 if claim.kind == "concurrency" else amount)
        return claim._replace(amount=amount, resets_at=(self.clock.time() // DAY + 1) * DAY)

    @rule(
        target=tickets,
        keys=st.sampled_from([{"slots"}, {"tokens"}]) | st.sets(st.sampled_from(sorted(LIMITS)), min_size=1),
        amount=st.integers(1, 300),
    )
    def ask_first(self, keys, amount):
        """
        A new ticket asks.
        """
        self.count += 1
        ticket = str(self.count)
        claims = [self.claim(key, amount if key != "requests" else 1) for key in sorted(keys)]
        return self.ask(ticket, claims)

    @rule(target=tickets, ticket=consumes(tickets))
    def ask_again(self, ticket):
        """
        A denied ticket asks again, whether it should or not.
        """
        return self.ask(ticket, self.queue[ticket]) if ticket in self.queue else ticket

    def ask(self, ticket, claims):
        """
        Ask, and check the answer.
        """
        denial = self.limiter.reserve(ticket, claims)
        self.woken.discard(ticket)
        if denial is None:
            self.check_grant(ticket, claims)
        elif denial.claim.kind == "quota":
            used = self.used.get((denial.claim.key, denial.claim.resets_at), 0)
            assert used + denial.claim.amount > denial.claim.limit
            assert denial.available == max(denial.claim.limit - used, 0)
            self.queue.pop(ticket, None)
        else:
            self.queue.setdefault(ticket, claims)
            self.due[ticket] = inf if denial.delay is None else self.clock.monotonic() + denial.delay
            assert denial.delay is None or denial.delay > 0
            self.limiter.watch(ticket, lambda: self.woken.add(ticket))
        return ticket

    def check_grant(self, ticket, claims):
        """
        Check that the claims fit, and that no earlier ticket waits for only these limits, or for the slots.
        """
        keys = {claim.key for claim in claims if claim.kind != "quota"}
        for other, earlier in self.queue.items():
            if other == ticket:
                break
            others = {claim.key for claim in earlier if claim.kind != "quota"}
            assert keys.isdisjoint(others) or (others - keys and "slots" not in keys & others)
        self.queue.pop(ticket, None)
        self.held[ticket] = claims
        for claim in claims:
            if claim.kind == "rate":
                self.check_rate(claim)
            elif claim.kind == "quota":
                period = claim.key, claim.resets_at
                self.used[period] = self.used.get(period, 0) + claim.amount
                assert self.used[period] <= claim.limit
        assert sum(LIMITS["slots"] in held for held in self.held.values()) <= LIMITS["slots"].limit

    def check_rate(self, claim):
        """
        Check that no window since an earlier change has more than its refill and one capacity.
        """
        now = self.clock.monotonic()
        capacity = claim.limit / claim.period
        taken = min(claim.amount, capacity)
        assert taken <= capacity + ROUNDING
        for moment, amount in reversed(self.changes[claim.key]):
            taken += amount
            assert taken <= capacity * (1 + now - moment) + ROUNDING
        self.changes[claim.key].append((now, claim.amount))

    @rule(ticket=consumes(tickets), used=st.integers(0, 400))
    def end(self, ticket, used):
        """
        A granted ticket is settled, and a denied one is cancelled.
        """
        if ticket in self.held:
            self.settle(ticket, used)
        elif ticket in self.queue:
            self.limiter.cancel(ticket, self.queue.pop(ticket))

    @rule(ticket=consumes(tickets))
    def give_back(self, ticket):
        """
        A ticket is cancelled that does not know whether it was granted.
        """
        claims = self.held.get(ticket) or self.queue.pop(ticket, None)
        if claims is not None:
            self.record(ticket, dict.fromkeys(LIMITS, 0))
            self.limiter.cancel(ticket, claims)

    def settle(self, ticket, used):
        """
        Settle a granted ticket.
        """
        claims = self.held[ticket]
        amounts = {claim.key: used for claim in claims if claim.key not in ("requests", "slots")}
        self.record(ticket, amounts)
        self.limiter.settle(ticket, claims, amounts)

    def record(self, ticket, amounts):
        """
        Record the end of a granted ticket.
        """
        for claim in self.held.pop(ticket, ()):
            difference = amounts.get(claim.key, claim.amount) - claim.amount
            if claim.kind == "rate":
                self.changes[claim.key].append((self.clock.monotonic(), difference))
            elif claim.kind == "quota":
                self.used[claim.key, claim.resets_at] += difference

    @rule(seconds=st.floats(0, 30))
    def pass_time(self, seconds):
        """
        Time passes.
        """
        self.clock.advance(seconds)

    @rule(offset=st.floats(-2 * DAY, 2 * DAY))
    def set_clock(self, offset):
        """
        The time of day jumps.
        """
        self.clock.offset = offset

    @rule(
        key=st.sampled_from(["requests", "tokens"]), remaining=st.integers(0, 200), delay=st.none() | st.floats(0, 60)
    )
    def correct(self, key, remaining, delay):
        """
        A vendor reports what is left.
        """
        self.limiter.correct(LIMITS[key], remaining, delay)

    @rule()
    def restart_another_process(self):
        """
        Lasting quotas are counted together with another process.
        """
        other = self.open()
        claim = self.claim("month", 1)
        if other.reserve("other", [claim]) is None:
            period = claim.key, claim.resets_at
            self.used[period] = self.used.get(period, 0) + 1
            assert self.used[period] <= claim.limit
        other.close()

    @invariant()
    def no_ticket_is_forgotten(self):
        """
        A ticket that neither was woken nor asks again by itself waits for another ticket.
        """
        ahead = set()
        slots = sum(LIMITS["slots"] in held for held in self.held.values())
        for ticket, claims in self.queue.items():
            keys = {claim.key for claim in claims if claim.kind != "quota"}
            is_behind = not keys.isdisjoint(ahead)
            waits_for_slot = "slots" in keys and slots >= LIMITS["slots"].limit
            assert ticket in self.woken or self.due[ticket] < inf or is_behind or waits_for_slot
            ahead |= keys

    def teardown(self):
        """
        All tickets are granted when they ask only if they are woken or their delay has passed, and nothing is lost.
        """
        for ticket in tuple(self.held):
            self.settle(ticket, 1)
        for _ in range(100 * (len(self.queue) + 1)):
            ready = [each for each in self.queue if each in self.woken or self.due[each] <= self.clock.monotonic()]
            for ticket in ready:
                self.ask(ticket, self.queue[ticket])
                if ticket in self.held:
                    self.settle(ticket, 1)
            if not ready and self.queue:
                moment = min(self.due[ticket] for ticket in self.queue)
                assert moment < inf
                self.clock.now = moment
        assert not self.queue
        self.clock.advance(3600)
        for key in ("requests", "tokens", "slots"):
            limit = LIMITS[key]
            whole = limit.limit if limit.kind == "concurrency" else limit.limit / limit.period
            assert self.limiter.reserve(f"all {key}", [limit._replace(amount=whole)]) is None
        self.limiter.close()
        self.folder.cleanup()


TestLimits = Limits.TestCase
