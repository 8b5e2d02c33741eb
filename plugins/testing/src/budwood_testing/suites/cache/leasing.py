"""Tests of caches with leases."""

from __future__ import annotations

import threading
from typing import Final

from budwood.contracts import Cache, LeasingCache, ManagedCache
from budwood_testing.clock import FakeClock
from budwood_testing.suites.cache.under_test import CacheUnderTest
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.properties import HOSTILE_TEXTS

_THREADS: Final = 8
_ROUNDS: Final = 10


class LeasingTests(CacheUnderTest):
    """Tests of `LeasingCache`."""

    def test_only_one_owner_acquires_a_lease(self, leasing: LeasingCache) -> None:
        """Another owner learns that it is held; another key has another lease."""
        assert leasing.acquire("key", "a", 60) == "acquired"
        assert leasing.acquire("key", "b", 60) == "held"
        assert leasing.acquire("Key", "b", 60) == "acquired"

    def test_lease_ends_after_its_time(self, leasing: LeasingCache, clock: FakeClock) -> None:
        """Then another owner acquires it: the first may have been killed."""
        leasing.acquire("key", "a", 60)
        self.pass_time(clock, 30)
        assert leasing.acquire("key", "b", 60) == "held"

        self.pass_time(clock, 30)
        assert leasing.acquire("key", "b", 60) == "acquired"
        assert leasing.acquire("key", "a", 60) == "held"

    def test_owner_renews_its_lease(self, leasing: LeasingCache, clock: FakeClock) -> None:
        """The time starts again with each `acquire`."""
        leasing.acquire("key", "a", 60)
        self.pass_time(clock, 30)
        assert leasing.acquire("key", "a", 60) == "acquired"
        self.pass_time(clock, 45)
        assert leasing.acquire("key", "b", 60) == "held"

        self.pass_time(clock, 15)
        assert leasing.acquire("key", "b", 60) == "acquired"

    def test_released_lease_can_be_acquired(self, leasing: LeasingCache) -> None:
        """After the value was stored, the next owner acquires the lease at once."""
        leasing.acquire("key", "a", 60)
        leasing.release("key", "a", kept=True, seconds=60)

        assert leasing.acquire("key", "b", 60) == "acquired"

    def test_others_learn_that_no_value_was_stored(self, leasing: LeasingCache, clock: FakeClock) -> None:
        """For some seconds each owner is told so, so that all continue at once. Then the lease can be acquired."""
        leasing.acquire("key", "a", 600)
        leasing.release("key", "a", kept=False, seconds=60)
        self.pass_time(clock, 30)
        assert [leasing.acquire("key", owner, 60) for owner in ("b", "c", "a")] == ["not kept"] * 3

        self.pass_time(clock, 30)
        assert [leasing.acquire("key", owner, 60) for owner in ("b", "c")] == ["acquired", "held"]

    def test_only_its_owner_releases_a_lease(self, leasing: LeasingCache) -> None:
        """A release by another owner, or of a lease that no one holds, has no effect."""
        leasing.release("key", "b", kept=False, seconds=60)
        assert leasing.acquire("key", "a", 60) == "acquired"
        for kept in (True, False):
            leasing.release("key", "b", kept=kept, seconds=60)

        assert leasing.acquire("key", "b", 60) == "held"
        assert leasing.acquire("key", "a", 60) == "acquired"

    def test_late_release_does_not_end_the_lease_of_another_owner(
        self, leasing: LeasingCache, clock: FakeClock
    ) -> None:
        """An owner whose lease has ended may not know that yet."""
        leasing.acquire("key", "a", 60)
        self.pass_time(clock, 60)
        leasing.acquire("key", "b", 60)
        for kept in (True, False):
            leasing.release("key", "a", kept=kept, seconds=60)

        assert leasing.acquire("key", "c", 60) == "held"

    def test_late_release_without_a_value_has_no_effect(self, leasing: LeasingCache, clock: FakeClock) -> None:
        """The lease has ended, so that the next owner acquires it."""
        leasing.acquire("key", "a", 60)
        self.pass_time(clock, 60)
        leasing.release("key", "a", kept=False, seconds=60)

        assert leasing.acquire("key", "b", 60) == "acquired"

    def test_any_text_can_be_the_key_of_a_lease(self, leasing: LeasingCache) -> None:
        """Keys are compared exactly."""
        keys = {*HOSTILE_TEXTS, "key", "Key", "half \ud800", "a:b", "e\u0301", "\u00e9", "k" * 10_000}

        assert {key: leasing.acquire(key, key, 60) for key in keys} == dict.fromkeys(keys, "acquired")
        assert {key: leasing.acquire(key, f"other {key}", 60) for key in keys} == dict.fromkeys(keys, "held")

    def test_instances_compete_for_a_lease(self, build: Build, leasing: LeasingCache) -> None:
        """Of several owners, in threads and instances, exactly one acquires each lease."""
        caches = [build().implementation if self.persists else leasing for _ in range(_THREADS)]
        barrier = threading.Barrier(_THREADS)
        states: list[tuple[int, str]] = []
        failures: list[str] = []

        def work(number: int) -> None:
            try:
                for key in range(_ROUNDS):
                    barrier.wait()
                    states.append((key, caches[number].acquire(f"key {key}", f"owner {number}", 60)))
            except Exception as error:  # noqa: BLE001 - a thread has no caller to raise it to
                failures.append(repr(error))
                barrier.abort()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        once = ["acquired"] + ["held"] * (_THREADS - 1)

        assert failures == []
        assert [sorted(state for key, state in states if key == number) for number in range(_ROUNDS)] == [
            once
        ] * _ROUNDS

    def test_leases_are_shared(self, build: Build, leasing: LeasingCache) -> None:
        """Another instance sees the lease, and that it was released without a value."""
        self.need(persists=True)
        beside: LeasingCache = build().implementation
        leasing.acquire("key", "a", 60)
        assert beside.acquire("key", "b", 60) == "held"

        leasing.release("key", "a", kept=False, seconds=60)
        assert beside.acquire("key", "b", 60) == "not kept"

    def test_leases_are_no_entries(self, cache: Cache, leasing: LeasingCache) -> None:
        """A lease has no value, and the value of its key has no lease."""
        leasing.acquire("key", "a", 60)
        assert cache.get("key") is None
        if isinstance(cache, ManagedCache):
            assert list(cache.items()) == []

        cache.set("key", b"value")
        assert leasing.acquire("key", "b", 60) == "held"
        assert cache.get("key") == b"value"
