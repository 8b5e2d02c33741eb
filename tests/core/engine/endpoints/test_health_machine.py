"""Circuit breakers and budgets of retries in any order of calls, outcomes and clock steps."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from budwood.engine.endpoints.health import (
    FAILURES_TO_OPEN,
    FIRST_REST,
    JITTER,
    MAX_OUTCOMES,
    MAX_REST,
    RETRIES_PER_MINUTE,
    RETRY_SHARE,
    Health,
)
from budwood.errors import AuthenticationError, CapacityError, RequestTimeoutError

STEPS = st.one_of(st.sampled_from([0.0, 1e-9, 0.5, FIRST_REST, MAX_REST]), st.floats(0.0, 100.0))
ASKED = st.one_of(st.none(), st.floats(-10.0, 1000.0), st.floats())


@dataclass(eq=False)
class Attempt:
    """
    An attempt, by when it started.
    """

    started: float


class BreakerMachine(RuleBasedStateMachine):
    """
    Calls ask the breaker, start attempts, which end in any order, and finish. A model says what must happen.

    Attributes:
        until: When an open breaker lets a call through; None while it is closed.
        probe: The call that probes.
        opened: When the breaker opened last.
    """

    calls = Bundle("calls")
    attempts = Bundle("attempts")

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed):
        self.health = Health()
        self.random = random.Random(seed)
        self.now = 1000.0
        self.running = []
        self.until, self.probe, self.opened = None, None, float("-inf")
        self.failures, self.rest = 0, FIRST_REST

    @rule(seconds=STEPS)
    def pass_time(self, seconds):
        self.now += seconds

    @rule()
    def wait_for_probe(self):
        if self.until is not None:
            self.now = max(self.now, self.until)

    @rule(target=calls)
    def acquire(self):
        call = object()
        is_allowed = self.until is None or (self.probe is None and self.now >= self.until)

        assert self.health.is_open(self.now) is not is_allowed
        assert self.health.acquire(self.now, call) is is_allowed
        if is_allowed:
            self.running.append(call)
            self.probe = call if self.until is not None else None
        return call

    @rule(target=attempts, number=st.integers(1, 5))
    def start(self, number):
        """
        Attempts start, also as retries, or at a single endpoint, for which the breaker is not asked.
        """
        return multiple(*[Attempt(self.now) for _ in range(number)])

    @rule(attempt=consumes(attempts), asked=ASKED)
    def end_with_failure(self, attempt, asked):
        self.fail(attempt, asked)

    def fail(self, attempt, asked):
        error = CapacityError("Full.", status=503, retry_after=asked)
        opens = self._opens_after(attempt)

        changed = self.health.record_error(error, attempt.started, self.now, self.random, is_answered=True)

        assert changed == ("open" if opens else None)
        if opens:
            rest = max(self.rest, min(asked, MAX_REST) if asked is not None and asked == asked else 0.0)  # noqa: PLR0124
            self.until = self.now + self.health.next_probe(self.now)
            self.opened, self.probe = self.now, None
            assert rest <= self.until - self.now + 1e-6
            assert self.until - self.now <= rest * (1 + JITTER) + 1e-6

    def _opens_after(self, attempt):
        if self.until is None:
            if attempt.started < self.opened:
                return False
            self.failures += 1
            return self.failures >= FAILURES_TO_OPEN
        self.failures += 1
        if attempt.started < self.until:
            return False
        self.rest = min(self.rest * 2, MAX_REST)
        return True

    @rule(number=st.integers(1, 2 * FAILURES_TO_OPEN), asked=ASKED)
    def fail_at_once(self, number, asked):
        for _ in range(number):
            self.fail(Attempt(self.now), asked)

    @rule(attempt=consumes(attempts), kind=st.sampled_from(["reply", "rejection", "first content"]))
    def answer(self, attempt, kind):
        """
        Any answer closes the breaker. The first content of a stream does not reset the failures of a closed one.
        """
        was_open, health = self.until is not None, self.health
        if kind == "reply":
            closes = health.failures > 0 and health.succeed()
        elif kind == "rejection":
            error = AuthenticationError("No.", status=401)
            closes = health.record_error(error, attempt.started, self.now, self.random, is_answered=True) == "closed"
        else:
            closes = health.record_first_token(self.now - attempt.started)

        assert closes is was_open
        if was_open or kind != "first content":
            self._close()

    @rule(attempt=consumes(attempts), error=st.sampled_from([KeyboardInterrupt(), "deadline"]))
    def abandon(self, attempt, error):
        error = RequestTimeoutError("Slow.", phase="deadline") if error == "deadline" else error

        assert self.health.record_error(error, attempt.started, self.now, self.random, is_answered=True) is None

    @rule(call=consumes(calls))
    def finish(self, call):
        self._release(call)

    @rule()
    def finish_all_calls(self):
        """
        Whatever has happened, a call is let through again after the rest.
        """
        for call in tuple(self.running):
            self._release(call)
        self.wait_for_probe()

        assert self.health.acquire(self.now, self)
        self.health.release(self)

    def _release(self, call):
        self.health.release(call)
        if call in self.running:
            self.running.remove(call)
        if self.probe is call:
            self.probe = None

    def _close(self):
        self.until, self.probe = None, None
        self.failures, self.rest = 0, FIRST_REST

    @invariant()
    def state_is_reported(self):
        if not hasattr(self, "health"):
            return
        expected = "closed" if self.until is None else "open" if self.probe is None else "half-open"
        assert self.health.breaker() == expected
        assert self.health.failures == self.failures
        next_probe = self.health.next_probe(self.now)
        assert (next_probe is None) == (self.until is None)
        assert next_probe is None or abs(next_probe - max(self.until - self.now, 0.0)) < 1e-6


class RetryMachine(RuleBasedStateMachine):
    """
    Attempts end, and retries are taken. Seconds are counted as a whole, so that a minute may have up to 61.
    """

    @initialize()
    def begin(self):
        self.health = Health()
        self.now = 1000.0
        self.attempts = []
        self.retries = []

    @rule(seconds=STEPS)
    def pass_time(self, seconds):
        self.now += seconds

    @rule(number=st.integers(1, 3 * MAX_OUTCOMES), has_failed=st.booleans())
    def end_attempts(self, number, has_failed):
        for _ in range(number):
            self.health.outcomes.append((self.now, has_failed))
            if len(self.health.outcomes) > MAX_OUTCOMES:
                self.health.count_outcomes(self.now)
        self.attempts.append((self.now, number, has_failed))

    @rule(number=st.integers(1, 50))
    def take_retries(self, number):
        for _ in range(number):
            budgets = [self._budget(seconds) for seconds in (60, 61)]
            taken = [self._taken(seconds) for seconds in (60, 61)]
            if self.health.take_retry(self.now):
                self.retries.append(self.now)
                assert taken[0] + 1 <= max(budgets)
            else:
                assert taken[1] + 1 > min(budgets)

    @invariant()
    def counts_are_those_of_a_minute(self):
        if not hasattr(self, "health"):
            return
        calls, failures = self.health.calls(self.now)
        for found, only_failed in ((calls, False), (failures, True)):
            assert self._ended(60, only_failed) <= found <= self._ended(61, only_failed)
        assert len(self.health.outcomes) <= MAX_OUTCOMES
        assert len(self.health._seconds) <= 62

    def _ended(self, seconds, only_failed=False):
        return sum(
            number
            for ended, number, has_failed in self.attempts
            if ended > self.now - seconds and (has_failed or not only_failed)
        )

    def _taken(self, seconds):
        return sum(taken > self.now - seconds for taken in self.retries)

    def _budget(self, seconds):
        calls = max(self._ended(seconds) - self._taken(seconds), 0)
        return RETRIES_PER_MINUTE + RETRY_SHARE * calls


TestBreaker = BreakerMachine.TestCase
TestRetryBudget = RetryMachine.TestCase
