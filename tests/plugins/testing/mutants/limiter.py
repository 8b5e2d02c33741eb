"""A correct limiter, and broken ones."""

import threading
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from budwood.hooks import LIMITER, LimiterSpec
from budwood.types import Denial
from budwood_testing import LimiterSuite
from tests.plugins.testing.mutants.registering import registry_of

STORES = {}
"""The counts of all stores; they remain when a limiter is closed."""


class MemorySettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: Path


class Store:
    """
    What limiters with the same path share.
    """

    def __init__(self):
        self.lock = threading.RLock()
        self.levels = {}
        self.blocked = {}
        self.active = {}
        self.used = {}
        self.granted = {}
        self.queues = {}
        self.wakers = {}


class MemoryLimiter:
    """
    Keeps limits in the memory of the process.
    """

    def __init__(self, settings, context):
        self.settings = settings
        self.clock = context.clock
        self.closed = False

    @property
    def store(self):
        if not self.settings.path.parent.is_dir():
            raise NotADirectoryError(str(self.settings.path))
        return STORES.setdefault(self.settings.path, Store())

    def key(self, claim):
        return claim.key

    def period(self, claim):
        return self.key(claim), claim.resets_at

    def capacity(self, claim):
        return max(claim.limit / claim.period, 1)

    def level(self, claim):
        now = self.clock.monotonic()
        units, moment = self.store.levels.get(self.key(claim), (self.capacity(claim), now))
        return min(units + (now - moment) * claim.limit / claim.period, self.capacity(claim))

    def set_level(self, claim, units):
        self.store.levels[self.key(claim)] = (min(units, self.capacity(claim)), self.clock.monotonic())

    def left(self, claim):
        if claim.kind == "rate":
            return self.level(claim)
        if claim.kind == "concurrency":
            return claim.limit - self.store.active.get(self.key(claim), 0)
        return claim.limit - self.store.used.get(self.period(claim), 0)

    def take(self, claim, units):
        if claim.kind == "rate":
            self.set_level(claim, self.level(claim) - units)
        elif claim.kind == "concurrency":
            self.store.active[self.key(claim)] = self.store.active.get(self.key(claim), 0) + units
        else:
            self.store.used[self.period(claim)] = self.store.used.get(self.period(claim), 0) + units

    def delay(self, claim):
        if claim.kind == "rate":
            missing = (min(claim.amount, self.capacity(claim)) - self.level(claim)) * claim.period / claim.limit
            return max(missing, self.store.blocked.get(self.key(claim), 0) - self.clock.monotonic(), 0.001)
        if claim.kind == "quota" and claim.resets_at is not None:
            return claim.resets_at - self.clock.time()
        return None

    def fits(self, claim):
        if claim.kind != "rate":
            return claim.amount <= self.left(claim)
        is_blocked = self.clock.monotonic() < self.store.blocked.get(self.key(claim), 0)
        return not is_blocked and min(claim.amount, self.capacity(claim)) <= self.level(claim) + 1e-9

    def find_denial(self, ticket, claims):
        for claim in claims:
            if claim.kind == "quota" and not self.fits(claim):
                self.leave(ticket, claims)
                return Denial(claim, self.delay(claim), max(self.left(claim), 0))
        queued = [claim for claim in claims if claim.kind != "quota"]
        for claim in queued:
            queue = self.store.queues.setdefault(self.key(claim), [])
            if ticket not in queue:
                queue.append(ticket)
        for claim in queued:
            if not self.is_first(ticket, claim):
                return Denial(claim, None)
        for claim in queued:
            if not self.fits(claim):
                return Denial(claim, self.delay(claim), max(self.left(claim), 0))
        return None

    def is_first(self, ticket, claim):
        return self.store.queues[self.key(claim)][0] == ticket

    def leave(self, ticket, claims):
        for claim in claims:
            queue = self.store.queues.get(self.key(claim), [])
            if ticket in queue:
                queue.remove(ticket)
        self.store.wakers.pop(ticket, None)

    def reserve(self, ticket, claims):
        with self.store.lock:
            granted = self.store.granted.get(ticket, {})
            claims = [claim for claim in claims if claim.key not in granted]
            denial = self.find_denial(ticket, claims)
            if denial is None:
                self.leave(ticket, claims)
                self.grant(ticket, claims)
        self.wake()
        return denial

    def grant(self, ticket, claims):
        for claim in claims:
            self.take(claim, claim.amount)
            self.store.granted.setdefault(ticket, {})[claim.key] = claim.amount

    def settle(self, ticket, claims, amounts):
        with self.store.lock:
            granted = self.store.granted.get(ticket, {})
            for claim in claims:
                taken = granted.pop(claim.key, None)
                if taken is not None:
                    used = 0 if claim.kind == "concurrency" else amounts.get(claim.key, taken)
                    self.take(claim, used - taken)
        self.wake()

    def cancel(self, ticket, claims):
        with self.store.lock:
            self.leave(ticket, claims)
        self.settle(ticket, claims, {claim.key: 0 for claim in claims})

    def correct(self, claim, remaining, delay):
        with self.store.lock:
            self.set_level(claim, min(self.level(claim), remaining))
            if delay is not None and remaining <= 0:
                self.store.blocked[self.key(claim)] = self.clock.monotonic() + delay

    def watch(self, ticket, wake):
        with self.store.lock:
            self.store.wakers[ticket] = wake
            is_idle = not any(self.store.active.values())
        if is_idle:
            self.wake()

    def wake(self):
        with self.store.lock:
            if any(self.store.active.values()):
                return
            wakers, self.store.wakers = self.store.wakers, {}
        for wake in wakers.values():
            wake()

    def close(self):
        self.closed = True


class Correct(LimiterSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "memory-limiter"
    shares = True
    caught_by: ClassVar = ()
    Mutant: ClassVar = MemoryLimiter

    def __init_subclass__(cls):
        spec = LimiterSpec(
            name="memory-limiter",
            settings=lambda: MemorySettings,
            build=cls.Mutant,
            requires_api=(2, 0),
            summary="Keeps limits in memory.",
        )
        cls.registry = registry_of(LIMITER, spec)

    def settings(self, folder):
        return {"path": folder / "memory-limiter"}

    def broken_settings(self, folder):
        (folder / "file").write_text("")
        return {"path": folder / "file" / "memory-limiter"}

    def break_store(self, folder):
        (folder / "broken").write_text("")
        return True


class TestCorrect(Correct):
    pass


class TestHoldsAMinute(Correct):
    caught_by = ("test_rate_holds_one_second", "test_rate_does_not_hold_more_than_its_capacity")

    class Mutant(MemoryLimiter):
        def capacity(self, claim):
            return claim.limit


class TestHoldsLessThanOneUnit(Correct):
    caught_by = ("test_slow_rate_holds_one_unit",)

    class Mutant(MemoryLimiter):
        def capacity(self, claim):
            return claim.limit / claim.period

        def fits(self, claim):
            return claim.amount <= self.left(claim)


class TestNeverRefills(Correct):
    caught_by = ("test_rate_is_refilled",)

    class Mutant(MemoryLimiter):
        def level(self, claim):
            return self.store.levels.get(self.key(claim), (self.capacity(claim), 0))[0]


class TestCollectsUnusedUnits(Correct):
    caught_by = ("test_rate_does_not_hold_more_than_its_capacity",)

    class Mutant(MemoryLimiter):
        def level(self, claim):
            now = self.clock.monotonic()
            units, moment = self.store.levels.get(self.key(claim), (self.capacity(claim), now))
            return units + (now - moment) * claim.limit / claim.period

        def set_level(self, claim, units):
            self.store.levels[self.key(claim)] = (units, self.clock.monotonic())


class TestForgivesDebts(Correct):
    caught_by = ("test_claim_above_the_capacity_leaves_a_debt", "test_settling_takes_what_the_estimate_lacked")

    class Mutant(MemoryLimiter):
        def set_level(self, claim, units):
            super().set_level(claim, max(units, 0))


class TestNeverRefunds(Correct):
    caught_by = ("test_settling_gives_unused_units_back",)

    class Mutant(MemoryLimiter):
        def take(self, claim, units):
            if claim.kind != "rate" or units > 0:
                super().take(claim, units)


class TestSettlesMissingAmountsAsNothing(Correct):
    caught_by = ("test_settling_without_amounts_keeps_the_estimate",)

    class Mutant(MemoryLimiter):
        def settle(self, ticket, claims, amounts):
            super().settle(ticket, claims, {claim.key: 0 for claim in claims} | dict(amounts))


class TestRaisesByCorrections(Correct):
    caught_by = ("test_correction_lowers_the_count",)

    class Mutant(MemoryLimiter):
        def correct(self, claim, remaining, delay):
            self.set_level(claim, remaining)


class TestIgnoresResets(Correct):
    caught_by = ("test_correction_with_a_delay_blocks_the_rate",)

    class Mutant(MemoryLimiter):
        def correct(self, claim, remaining, delay):
            super().correct(claim, remaining, None)


class TestIgnoresConcurrency(Correct):
    caught_by = ("test_concurrency_is_limited",)

    class Mutant(MemoryLimiter):
        def fits(self, claim):
            return claim.kind == "concurrency" or super().fits(claim)


class TestKeepsSlots(Correct):
    caught_by = ("test_concurrency_is_limited",)

    class Mutant(MemoryLimiter):
        def settle(self, ticket, claims, amounts):
            super().settle(ticket, [claim for claim in claims if claim.kind != "concurrency"], amounts)


class TestNeverWakes(Correct):
    caught_by = ("test_denied_ticket_is_woken",)

    class Mutant(MemoryLimiter):
        def wake(self):
            pass


class TestHasOnePeriod(Correct):
    caught_by = ("test_quota_is_limited_until_its_reset",)

    class Mutant(MemoryLimiter):
        def period(self, claim):
            return self.key(claim)


class TestDelaysEndlessQuotas(Correct):
    caught_by = ("test_quota_without_an_end_has_no_delay",)

    class Mutant(MemoryLimiter):
        def delay(self, claim):
            return super().delay(claim) or 60


class TestQueuesExhaustedQuotas(Correct):
    caught_by = ("test_exhausted_quota_takes_no_place",)

    class Mutant(MemoryLimiter):
        def find_denial(self, ticket, claims):
            denial = super().find_denial(ticket, claims)
            if denial is not None:
                super().find_denial(ticket, [claim for claim in claims if claim.kind != "quota"])
            return denial


class TestNeverSettlesQuotas(Correct):
    caught_by = ("test_settled_quota_counts_what_was_used",)

    class Mutant(MemoryLimiter):
        def settle(self, ticket, claims, amounts):
            super().settle(ticket, [claim for claim in claims if claim.kind != "quota"], amounts)


class TestTakesSomeClaims(Correct):
    caught_by = ("test_all_claims_are_taken_or_none",)

    class Mutant(MemoryLimiter):
        def find_denial(self, ticket, claims):
            denial = super().find_denial(ticket, claims)
            if denial is not None:
                for claim in claims:
                    if claim.kind == "rate" and self.fits(claim):
                        self.take(claim, claim.amount)
            return denial


class TestHasNoQueues(Correct):
    caught_by = ("test_small_tickets_do_not_overtake_a_large_one", "test_waiting_tickets_keep_their_order")

    class Mutant(MemoryLimiter):
        def is_first(self, ticket, claim):
            return True


class TestServesTheLastFirst(Correct):
    caught_by = ("test_waiting_tickets_keep_their_order",)

    class Mutant(MemoryLimiter):
        def is_first(self, ticket, claim):
            return self.store.queues[self.key(claim)][-1] == ticket


class TestKeepsCancelledPlaces(Correct):
    caught_by = ("test_cancelled_ticket_gives_up_its_place",)

    class Mutant(MemoryLimiter):
        def cancel(self, ticket, claims):
            self.settle(ticket, claims, {claim.key: 0 for claim in claims})


class TestKeepsCancelledGrants(Correct):
    caught_by = ("test_cancelled_grant_is_given_back",)

    class Mutant(MemoryLimiter):
        def cancel(self, ticket, claims):
            self.leave(ticket, claims)


class TestGrantsTwice(Correct):
    caught_by = ("test_granted_ticket_that_asks_again_takes_nothing_more",)

    class Mutant(MemoryLimiter):
        def reserve(self, ticket, claims):
            self.store.granted.pop(ticket, None)
            return super().reserve(ticket, claims)


class TestSettlesUnknownTickets(Correct):
    caught_by = ("test_unknown_tickets_are_ignored",)

    class Mutant(MemoryLimiter):
        def settle(self, ticket, claims, amounts):
            granted = self.store.granted.setdefault(ticket, {})
            for claim in claims:
                granted.setdefault(claim.key, claim.amount)
            super().settle(ticket, claims, amounts)


class TestRejectsUnusualKeys(Correct):
    caught_by = ("test_any_text_can_be_a_key_or_a_ticket",)

    class Mutant(MemoryLimiter):
        def key(self, claim):
            return claim.key.encode()


class TestIgnoresCase(Correct):
    caught_by = ("test_keys_are_compared_exactly",)

    class Mutant(MemoryLimiter):
        def key(self, claim):
            return claim.key.lower()


class TestAllowsOneThread(Correct):
    caught_by = ("test_is_thread_safe",)

    class Mutant(MemoryLimiter):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.creator = threading.get_ident()

        def reserve(self, ticket, claims):
            if threading.get_ident() != self.creator:
                raise RuntimeError("created in another thread")
            return super().reserve(ticket, claims)


class TestClosingTwiceFails(Correct):
    caught_by = ("test_closing_twice_is_no_error",)

    class Mutant(MemoryLimiter):
        def close(self):
            if self.closed:
                raise RuntimeError("already closed")
            super().close()


class TestDoesNotShare(Correct):
    caught_by = ("test_limits_are_shared",)

    class Mutant(MemoryLimiter):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.own = Store()

        @property
        def store(self):
            _ = super().store
            return self.own


class TestHidesErrors(Correct):
    caught_by = ("test_unusable_store_raises_os_error",)

    class Mutant(MemoryLimiter):
        def reserve(self, ticket, claims):
            try:
                return super().reserve(ticket, claims)
            except OSError:
                return None


class TestRaisesRuntimeErrorAfterFailure(Correct):
    caught_by = ("test_store_that_breaks_during_use_raises_os_error",)

    class Mutant(MemoryLimiter):
        def settle(self, ticket, claims, amounts):
            if (self.settings.path.parent / "broken").exists():
                raise RuntimeError("the store is unavailable")
            super().settle(ticket, claims, amounts)
