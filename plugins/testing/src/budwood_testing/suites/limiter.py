"""The suite for limiters."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from budwood.contracts import Limiter, WakingLimiter
from budwood.hooks import LIMITER, Kind
from budwood.types import Claim
from budwood_testing.clock import FakeClock
from budwood_testing.suites.claims import FAST, QUOTA, SLOT, SLOW, calls_of, delay_of, denied
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, error_of, for_all, texts
from budwood_testing.suites.untested import ReportUntested

_THREADS: Final = 4
_ROUNDS: Final = 25
_MAX_WAITS: Final = 50


class LimiterSuite(PluginSuite):
    """
    Tests a limiter.

    .. code-block:: python

        class TestRedis(LimiterSuite):
            plugin = "redis"
            shares = True
            has_own_clock = True

            def settings(self, folder):
                return {"url": start_server(folder)}

    Attributes:
        shares: Whether instances with the same settings keep the same limits.
        has_own_clock: Whether it measures time by the clock of its store. Tests then wait for real time.
    """

    kind: ClassVar[Kind[Any]] = LIMITER
    shares: ClassVar[bool] = False
    has_own_clock: ClassVar[bool] = False

    def broken_settings(self, folder: Path) -> Mapping[str, object] | None:
        """Return settings of a store that cannot be used, such as a server that does not exist, or None."""
        return None

    def break_store(self, folder: Path) -> bool:
        """
        Break the store that `settings` refers to: damage its file, or stop its server.

        Returns:
            Whether the store was broken. The default implementation returns False.
        """
        return False

    @pytest.fixture
    def limiter(self, build: Build) -> Limiter:
        """Build the limiter."""
        limiter: Limiter = build().implementation
        return limiter

    # Rates.

    def test_rate_holds_one_second(self, limiter: Limiter) -> None:
        """A new rate grants what it refills in one second, and then says when more is available."""
        assert limiter.reserve("first", [FAST]) is None

        denial = denied(limiter, "second", [FAST])
        assert denial.claim.key == "fast"
        assert 0 < delay_of(denial) <= 1

    def test_slow_rate_holds_one_unit(self, limiter: Limiter) -> None:
        """A rate below one unit in a second grants one unit."""
        assert limiter.reserve("first", [SLOW]) is None
        assert 5 < delay_of(denied(limiter, "second", [SLOW])) <= 10

    def test_rate_is_refilled(self, limiter: Limiter, clock: FakeClock) -> None:
        """A ticket that waits as long as its denials say is granted, and not earlier."""
        limiter.reserve("first", [FAST])
        small = [FAST._replace(amount=10)]
        assert limiter.reserve("second", small) is not None

        waited = self.reserve_at_last(limiter, clock, "second", small)
        if not self.has_own_clock:
            assert waited == pytest.approx(0.1, abs=0.01)

    def test_rate_does_not_hold_more_than_its_capacity(self, limiter: Limiter, clock: FakeClock) -> None:
        """A pause does not permit a burst above the capacity."""
        limiter.reserve("first", [FAST])
        self.pass_time(clock, 1.9)
        assert limiter.reserve("second", [FAST]) is None

        assert limiter.reserve("third", [FAST._replace(amount=80)]) is not None

    def test_claim_above_the_capacity_leaves_a_debt(self, limiter: Limiter) -> None:
        """It is granted by a full rate, and the next ticket waits until its units are refilled."""
        assert limiter.reserve("large", [SLOW._replace(amount=3)]) is None
        assert 25 < delay_of(denied(limiter, "next", [SLOW])) <= 30

    def test_settling_gives_unused_units_back(self, limiter: Limiter) -> None:
        """The difference between the estimate and the use is available immediately."""
        limiter.reserve("first", [SLOW])
        limiter.settle("first", [SLOW], {"slow": 0})

        assert limiter.reserve("second", [SLOW]) is None

    def test_settling_takes_what_the_estimate_lacked(self, limiter: Limiter) -> None:
        """The next ticket waits for it."""
        limiter.reserve("first", [SLOW])
        limiter.settle("first", [SLOW], {"slow": 3})

        assert 25 < delay_of(denied(limiter, "second", [SLOW])) <= 30

    def test_settling_without_amounts_keeps_the_estimate(self, limiter: Limiter) -> None:
        """Claims that `amounts` does not name are not changed."""
        limiter.reserve("first", [SLOW, QUOTA])
        limiter.settle("first", [SLOW, QUOTA], {})

        assert limiter.reserve("second", [SLOW]) is not None
        assert denied(limiter, "third", [QUOTA]).available == 4

    def test_correction_lowers_the_count(self, limiter: Limiter) -> None:
        """If the vendor reports less, less is granted; if it reports more, nothing changes."""
        limiter.correct(SLOW, 0, None)
        limiter.correct(SLOW, 50, None)

        assert 5 < delay_of(denied(limiter, "first", [SLOW])) <= 10

    def test_correction_with_a_delay_blocks_the_rate(self, limiter: Limiter, clock: FakeClock) -> None:
        """Nothing is granted until the reset that the vendor reports, and everything after it."""
        limiter.correct(SLOW, 0, 100)
        limiter.correct(FAST, 0, 0.05)

        assert 90 < delay_of(denied(limiter, "first", [SLOW])) <= 100
        self.reserve_at_last(limiter, clock, "second", [FAST._replace(amount=1)])

    # Concurrency.

    def test_concurrency_is_limited(self, limiter: Limiter) -> None:
        """A ticket waits until another one is settled."""
        claims = [SLOT._replace(limit=2)]
        assert limiter.reserve("first", claims) is None
        assert limiter.reserve("second", claims) is None
        denied(limiter, "third", claims)

        limiter.settle("first", claims, {})
        assert limiter.reserve("third", claims) is None

    def test_denied_ticket_is_woken(self, limiter: Limiter) -> None:
        """A limiter that can wake tickets does so when another one is settled, also if that was before `watch`."""
        if not isinstance(limiter, WakingLimiter):
            pytest.skip(f"{self.plugin} has no method watch()")
        woken: list[str] = []
        limiter.reserve("first", [SLOT])
        limiter.reserve("second", [SLOT])
        limiter.watch("second", lambda: woken.append("second"))
        assert woken == []

        limiter.settle("first", [SLOT], {})
        assert woken == ["second"]
        limiter.watch("second", lambda: woken.append("again"))
        assert woken == ["second", "again"]

    # Quotas.

    def test_quota_is_limited_until_its_reset(self, limiter: Limiter, clock: FakeClock) -> None:
        """The denial has the time until then and what is left; the next period counts from zero."""
        quota = QUOTA._replace(resets_at=self.now(clock) + 3600)
        limiter.reserve("first", [quota])

        denial = denied(limiter, "second", [quota])
        assert (denial.claim.key, denial.available) == ("quota", 4)
        assert 3500 < delay_of(denial) <= 3601
        assert limiter.reserve("third", [quota._replace(resets_at=self.now(clock) + 7200)]) is None

    def test_quota_without_an_end_has_no_delay(self, limiter: Limiter) -> None:
        """It stays exhausted."""
        limiter.reserve("first", [QUOTA])

        assert denied(limiter, "second", [QUOTA]).delay is None

    def test_exhausted_quota_takes_no_place(self, limiter: Limiter) -> None:
        """Tickets that share other limits are not blocked."""
        limiter.reserve("first", [QUOTA])
        denied(limiter, "second", [SLOT, QUOTA])

        assert limiter.reserve("third", [SLOT]) is None

    def test_settled_quota_counts_what_was_used(self, limiter: Limiter) -> None:
        """It gives units back, or takes more than it has if more were used."""
        limiter.reserve("first", [QUOTA])
        limiter.settle("first", [QUOTA], {"quota": 1})
        assert limiter.reserve("second", [QUOTA]) is None

        limiter.settle("second", [QUOTA], {"quota": 12})
        assert denied(limiter, "third", [QUOTA]).available == 0

    # Tickets.

    def test_all_claims_are_taken_or_none(self, limiter: Limiter) -> None:
        """A denied ticket takes nothing from limits that have room."""
        limiter.reserve("first", [SLOT])
        claims = [SLOW, QUOTA, SLOT]
        denied(limiter, "second", claims)
        limiter.cancel("second", claims)

        assert limiter.reserve("third", [SLOW, QUOTA]) is None

    def test_small_tickets_do_not_overtake_a_large_one(self, limiter: Limiter, clock: FakeClock) -> None:
        """Tickets that share a limit are granted in the order of their first call."""
        limiter.reserve("first", [SLOW])
        denied(limiter, "large", [SLOW])
        self.pass_time(clock, 0.05)

        denied(limiter, "small", [SLOW._replace(amount=0.001)])

    def test_waiting_tickets_keep_their_order(self, limiter: Limiter) -> None:
        """The first that was denied is granted first, in whatever order they ask again."""
        limiter.reserve("holder", [SLOT])
        denied(limiter, "first", [SLOT])
        denied(limiter, "second", [SLOT])
        limiter.settle("holder", [SLOT], {})

        denied(limiter, "second", [SLOT])
        assert limiter.reserve("first", [SLOT]) is None

    def test_cancelled_ticket_gives_up_its_place(self, limiter: Limiter) -> None:
        """Tickets behind it are granted."""
        limiter.reserve("holder", [SLOT])
        denied(limiter, "first", [SLOT])
        limiter.cancel("first", [SLOT])
        limiter.settle("holder", [SLOT], {})

        assert limiter.reserve("second", [SLOT]) is None

    def test_cancelled_grant_is_given_back(self, limiter: Limiter) -> None:
        """A ticket whose answer was lost gives back all that it was granted."""
        claims = [SLOT, SLOW, QUOTA]
        limiter.reserve("first", claims)
        limiter.cancel("first", claims)

        assert limiter.reserve("second", claims) is None

    def test_granted_ticket_that_asks_again_takes_nothing_more(self, limiter: Limiter) -> None:
        """A request whose answer was lost can be repeated."""
        claims = [SLOT._replace(limit=2), QUOTA._replace(limit=12)]
        assert limiter.reserve("first", claims) is None
        assert limiter.reserve("first", claims) is None

        assert limiter.reserve("second", claims) is None

    def test_unknown_tickets_are_ignored(self, limiter: Limiter) -> None:
        """Settling twice, or cancelling a ticket that never asked, changes nothing."""
        limiter.reserve("first", [QUOTA])
        limiter.settle("first", [QUOTA], {})
        limiter.settle("first", [QUOTA], {"quota": 0})
        limiter.cancel("first", [QUOTA])
        limiter.cancel("unknown", [QUOTA, SLOT])

        assert denied(limiter, "second", [QUOTA]).available == 4

    def test_any_text_can_be_a_key_or_a_ticket(self, limiter: Limiter) -> None:
        """Keys contain names that users choose."""

        def check(text: str) -> None:
            claims = [SLOT._replace(key=f"slot {text}"), QUOTA._replace(key=f"quota {text}", limit=1e9)]
            assert limiter.reserve(text, claims) is None
            limiter.settle(text, claims, {})

        for_all(texts(), check, always=(*HOSTILE_TEXTS, "k" * 10_000, "half \ud800", "a/b\\c:d*?{e}"))

    def test_keys_are_compared_exactly(self, limiter: Limiter) -> None:
        """Limits whose keys differ in case or spaces are different limits."""
        for number, key in enumerate(("key", "Key", "key ", "key\x00", "key:")):
            assert limiter.reserve(str(number), [SLOT._replace(key=key)]) is None

    def test_is_thread_safe(self, limiter: Limiter) -> None:
        """Threads that ask at once are granted exactly what a quota has."""
        quota = Claim("quota", "quota", _THREADS * _ROUNDS // 2)
        granted: list[bool] = []
        failures: list[str] = []
        barrier = threading.Barrier(_THREADS)

        def work(thread: int) -> None:
            barrier.wait()
            try:
                granted.extend(limiter.reserve(f"{thread}-{number}", [quota]) is None for number in range(_ROUNDS))
            except Exception as error:  # noqa: BLE001 - a thread has no caller to raise it to
                failures.append(repr(error))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []
        assert sum(granted) == _THREADS * _ROUNDS // 2

    # The store.

    def test_closing_twice_is_no_error(self, build: Build) -> None:
        """`close` can be called twice, with or without use in between."""
        for used in (False, True):
            limiter = build().implementation
            if used:
                limiter.reserve("first", [SLOT])
            limiter.close()
            limiter.close()

    def test_limits_are_shared(self, build: Build) -> None:
        """Instances with the same settings keep the same limits, in the same order."""
        self.need(shares=True)
        here, there = build().implementation, build().implementation
        assert here.reserve("first", [SLOT, QUOTA, SLOW]) is None
        for claim in (QUOTA, SLOW, SLOT):
            denied(there, f"second {claim.key}", [claim])

        here.settle("first", [SLOT, QUOTA, SLOW], {"quota": 0, "slow": 0})
        denied(here, "third", [SLOT])
        for claim in (QUOTA, SLOW, SLOT):
            assert there.reserve(f"second {claim.key}", [claim]) is None

    def test_unusable_store_raises_os_error(self, build: Build, folder: Path) -> None:
        """A store that cannot be used raises OSError: the engine continues with limits inside the process."""
        broken = self.broken_settings(folder)
        if broken is None:
            assert not self.shares, "a shared limiter needs broken_settings() in its suite"
            pytest.skip(f"broken_settings() returns None for {self.plugin}")
        limiter = build(**broken).implementation
        for method, use in calls_of(limiter).items():
            assert error_of(use, OSError, f"{method}()"), f"{method}() must raise OSError"
        limiter.close()

    def test_store_that_breaks_during_use_raises_os_error(
        self, build: Build, folder: Path, untested: ReportUntested
    ) -> None:
        """If an open store breaks, methods raise OSError or keep working; they raise nothing else."""
        limiters = [build().implementation for _ in range(2)]
        limiters[0].reserve("first", [SLOT])
        if not self.break_store(folder):
            self.need(shares=True)
            untested(f"{self.plugin}: a store that breaks raises OSError. Implement break_store() to test this.")
        for limiter in (*limiters, build().implementation):
            for method, use in calls_of(limiter).items():
                error_of(use, OSError, f"{method}()")
            error_of(limiter.close, OSError, "close()")

    def reserve_at_last(self, limiter: Limiter, clock: FakeClock, ticket: str, claims: Sequence[Claim]) -> float:
        """Wait as long as denials say, and return the seconds until the grant."""
        waited = 0.0
        for _ in range(_MAX_WAITS):
            denial = limiter.reserve(ticket, claims)
            if denial is None:
                return waited
            waited += delay_of(denial)
            self.pass_time(clock, delay_of(denial))
        raise AssertionError(f"the ticket was not granted after {_MAX_WAITS} delays of {waited:.3f} s together")

    def pass_time(self, clock: FakeClock, seconds: float) -> None:
        """Let time pass for the limiter."""
        if self.has_own_clock:
            time.sleep(seconds)
        else:
            clock.sleep(seconds)

    def now(self, clock: FakeClock) -> float:
        """Return the seconds since 1970, by the clock of the limiter."""
        return time.time() if self.has_own_clock else clock.time()

    def need(self, *, shares: bool) -> None:
        """Skip a test if instances do not share limits."""
        if self.shares is not shares:
            pytest.skip(f"{self.plugin} does not set `shares`")
