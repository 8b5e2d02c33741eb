"""Tests that compare a cache with a dictionary, through random steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, Final, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from budwood.contracts import BatchCache, Cache, LeasingCache, ManagedCache
from budwood_testing.clock import FakeClock
from budwood_testing.suites.cache.under_test import CacheUnderTest
from budwood_testing.suites.plugin import Build

_KEYS: Final = st.sampled_from(("a", "A", "ab", "a%"))
_VALUES: Final = st.binary(max_size=20)
_TTLS: Final = st.sampled_from((None, 60.0, 120.0, 600.0))
_PAUSES: Final = st.sampled_from((30.0, 60.0, 90.0, 600.0))  # their sums end before or at the end of a ttl, not near it
_LEASED_KEYS: Final = st.sampled_from(("a", "A"))
_OWNERS: Final = st.sampled_from("AB")
_SECONDS: Final = st.sampled_from((60.0, 120.0))
_EXAMPLES: Final = 50
_STEPS: Final = 50


class _Bench(NamedTuple):
    """
    What the steps of all examples share.

    Attributes:
        make: Builds the cache.
        pause: Lets time pass for the cache.
        persists: Whether another instance has the same content.
        numbers: The numbers of the examples.
    """

    make: Callable[[], Any]
    pause: Callable[[float], None]
    persists: bool
    numbers: Iterator[int]


class _Steps(RuleBasedStateMachine):
    """Steps of a cache on keys that no other example uses."""

    bench: ClassVar[_Bench]

    def __init__(self) -> None:
        super().__init__()
        self.cache = self.bench.make()
        self.prefix = f"example {next(self.bench.numbers)}:"
        self.now = 0.0

    @rule(seconds=_PAUSES)
    def wait(self, seconds: float) -> None:
        self.bench.pause(seconds)
        self.now += seconds

    def teardown(self) -> None:
        self.cache.close()


class _Entries(_Steps):
    """Compares the entries with a dictionary."""

    cache: Cache

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, tuple[bytes, float | None]] = {}

    @property
    def model(self) -> dict[str, bytes]:
        return {key: value for key, (value, end) in self.stored.items() if end is None or self.now < end}

    @rule(key=_KEYS, value=_VALUES, ttl=_TTLS)
    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        self.cache.set(self.prefix + key, value, ttl=ttl)
        self.stored[key] = (value, None if ttl is None else self.now + ttl)

    @rule(key=_KEYS)
    def get(self, key: str) -> None:
        assert self.cache.get(self.prefix + key) == self.model.get(key)

    @rule(keys=st.lists(_KEYS, max_size=6))
    def get_many(self, keys: Sequence[str]) -> None:
        if isinstance(self.cache, BatchCache):
            found = self.cache.get_many([self.prefix + key for key in keys])
            assert list(found) == [self.model.get(key) for key in keys]

    @rule(prefix=_KEYS)
    def list_items(self, prefix: str) -> None:
        if isinstance(self.cache, ManagedCache):
            found = sorted((item.key, item.size) for item in self.cache.items(self.prefix + prefix))
            assert found == sorted((self.prefix + key, len(self.model[key])) for key in self._starting_with(prefix))

    @rule(key=_KEYS)
    def delete(self, key: str) -> None:
        if isinstance(self.cache, ManagedCache):
            assert self.cache.delete(self.prefix + key) is (key in self.model)
            self.stored.pop(key, None)

    @rule(prefix=_KEYS)
    def clear(self, prefix: str) -> None:
        if isinstance(self.cache, ManagedCache):
            selected = self._starting_with(prefix)
            assert self.cache.clear(self.prefix + prefix) == len(selected)
            for key in selected:
                del self.stored[key]

    @rule()
    def prune(self) -> None:
        if isinstance(self.cache, ManagedCache):
            assert self.cache.prune() >= 0

    @precondition(lambda self: self.bench.persists)
    @rule()
    def reopen(self) -> None:
        self.cache.close()
        self.cache = self.bench.make()

    def _starting_with(self, prefix: str) -> list[str]:
        return [key for key in self.model if key.startswith(prefix)]


class _Leases(_Steps):
    """Compares leases with a dictionary of their owners; an owner is None after a release without a value."""

    cache: LeasingCache

    def __init__(self) -> None:
        super().__init__()
        self.leases: dict[str, tuple[str | None, float]] = {}

    @rule(key=_LEASED_KEYS, owner=_OWNERS, seconds=_SECONDS)
    def acquire(self, key: str, owner: str, seconds: float) -> None:
        holder, end = self.leases.get(key, (owner, 0.0))
        is_over = self.now >= end
        state = self.cache.acquire(self.prefix + key, owner, seconds)
        if is_over or holder == owner:
            assert state == "acquired"
            self.leases[key] = (owner, self.now + seconds)
        else:
            assert state == ("not kept" if holder is None else "held")

    @rule(key=_LEASED_KEYS, owner=_OWNERS, kept=st.booleans(), seconds=_SECONDS)
    def release(self, key: str, owner: str, kept: bool, seconds: float) -> None:  # noqa: FBT001 - hypothesis passes it by name
        self.cache.release(self.prefix + key, owner, kept=kept, seconds=seconds)
        holder, end = self.leases.get(key, (None, 0.0))
        if holder != owner or self.now >= end:
            return
        if kept:
            del self.leases[key]
        else:
            self.leases[key] = (None, self.now + seconds)


class ModelTests(CacheUnderTest):
    """Tests with random steps."""

    def test_behaves_like_a_dictionary(self, build: Build, cache: Cache, clock: FakeClock) -> None:
        """After any steps, the entries are those of a dictionary whose values expire."""
        self.run_steps(_Entries, build, clock)

    def test_leases_behave_like_a_dictionary(self, build: Build, leasing: LeasingCache, clock: FakeClock) -> None:
        """After any steps, each lease has the owner that acquired it and did not release it in time."""
        self.run_steps(_Leases, build, clock)

    def run_steps(self, steps: type[_Steps], build: Build, clock: FakeClock) -> None:
        """Run random steps."""
        bench = _Bench(lambda: build().implementation, partial(self.pass_time, clock), self.persists, itertools.count())
        machine = type(steps.__name__, (steps,), {"bench": bench})
        options = settings(
            deadline=None,
            max_examples=_EXAMPLES,
            stateful_step_count=_STEPS,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(machine, settings=options)
