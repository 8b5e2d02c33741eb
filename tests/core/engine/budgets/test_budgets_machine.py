"""Budgets under any order of reservations, ends and clock steps."""

from __future__ import annotations

import tempfile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from budwood import Client
from budwood.budget_settings import BudgetSettings
from budwood.engine.budgets.budget import Budget
from budwood.engine.budgets.reservation import Reservation, read_left
from budwood_testing import FakeClock, ScriptedTransport

HOUR = 3600.0
DAY = 24 * HOUR
KEPT = 6 * DAY
"""How far the clock may step back: the limiter keeps the counts of past periods for a week."""


class SteppingClock(FakeClock):
    """A clock whose time of day can step in both directions."""

    offset = 0.0

    def time(self):
        return super().time() + self.offset


class BudgetMachine(RuleBasedStateMachine):
    """
    Compares four budgets with a model that adds up what was reserved and settled in each period.

    Their limits are so small that a few reservations exhaust them.
    """

    reservations = Bundle("reservations")

    @initialize(zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Asia/Beirut"]))
    def start(self, zone):
        self.clock = SteppingClock()
        self.latest = self.clock.time()
        self.folder = tempfile.TemporaryDirectory()
        settings = {"limiters": {"local": {"path": f"{self.folder.name}/limits.sqlite3"}}}
        self.client = Client("offline/extractive", settings=settings, transport=ScriptedTransport(), clock=self.clock)
        self.find_limiter = self.client._engine.endpoints.find_limiter
        self.number = 0
        limits = {"client": 1000, "day": 100, "week": 170, "month": 250}
        self.budgets = [
            Budget(per, BudgetSettings(tokens=limit, per=per, timezone=zone)) for per, limit in limits.items()
        ]
        self.spent = {}

    def run(self, flow):
        return self.client._driver.run(flow)

    def keys(self):
        now = self.clock.time()
        return [(each.name, each.period(now)[1].timestamp() if each.is_lasting else None) for each in self.budgets]

    @rule(target=reservations, amount=st.integers(0, 120))
    def reserve(self, amount):
        """Reserve from all budgets, or from none."""
        self.number += 1
        amounts = [(budget, amount) for budget in self.budgets]
        reservation = Reservation(str(self.number), amounts, self.find_limiter, self.clock.time())
        shortage = self.run(reservation.take())
        keys = self.keys()
        lacking = [
            budget.name
            for budget, key in zip(self.budgets, keys, strict=True)
            if self.spent.get(key, 0) + amount > budget.limit
        ]
        if shortage is not None:
            assert shortage.budget.name in lacking
            self.run(reservation.end({"tokens": 0, "dollars": 0}))
            return reservation, amount, ()
        assert lacking == []
        for key in keys:
            self.spent[key] = self.spent.get(key, 0) + amount
        return reservation, amount, keys

    @rule(taken=consumes(reservations), share=st.none() | st.floats(0, 1))
    def end(self, taken, share):
        """Settle with what was used, with nothing, or keep the reservation because that is not known."""
        reservation, amount, keys = taken
        used = None if share is None else round(share * amount)
        self.run(reservation.end({"tokens": used, "dollars": None}))
        for key in keys:
            self.spent[key] += 0 if used is None else used - amount

    @rule(taken=consumes(reservations))
    def end_twice(self, taken):
        """A reservation that has ended changes nothing if it ends again."""
        self.end(taken, None)
        self.run(taken[0].end({"tokens": 0, "dollars": 0}))

    @rule(hours=st.sampled_from([0.5, 1, 12, 24, 24 * 7, 24 * 31]))
    def pass_time(self, hours):
        """Time passes, over midnight and the end of the month."""
        self.clock.advance(hours * HOUR)
        self.latest = max(self.latest, self.clock.time())

    @rule(data=st.data())
    def step_to_the_end(self, data):
        """The clock is a moment before or after the end of a period."""
        budget = data.draw(st.sampled_from(self.budgets[1:]))
        end = budget.period(self.clock.time())[1].timestamp()
        self.clock.offset += end - self.clock.time() + data.draw(st.sampled_from([-0.001, 0.0, 0.001]))
        self.latest = max(self.latest, self.clock.time())

    @rule(hours=st.sampled_from([0.5, 12, 24, 48]))
    def step_back(self, hours):
        """The clock of the system is set back."""
        if self.clock.time() - hours * HOUR >= self.latest - KEPT:
            self.clock.offset -= hours * HOUR

    @invariant()
    def counts_are_exact_and_within_the_limits(self):
        """What is left is what the model says, and never less than nothing."""
        if not hasattr(self, "budgets"):
            return
        for budget, key in zip(self.budgets, self.keys(), strict=True):
            spent = self.spent.get(key, 0)
            assert 0 <= spent <= budget.limit
            assert self.run(read_left(budget, self.find_limiter, self.clock.time())) == budget.limit - spent

    def teardown(self):
        if hasattr(self, "client"):
            self.client.close()
            self.folder.cleanup()


TestBudgets = BudgetMachine.TestCase
TestBudgets.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
