"""Caches with defects in leases."""

import time

from tests.plugins.testing.mutants.cache.correct import Correct, MemoryCache, Store


class TestGrantsEveryLease(Correct):
    caught_by = ("test_only_one_owner_acquires_a_lease", "test_leases_behave_like_a_dictionary")

    class Mutant(MemoryCache):
        def acquire(self, key, owner, seconds):
            return "acquired"


class TestHasOneLease(Correct):
    caught_by = ("test_only_one_owner_acquires_a_lease", "test_any_text_can_be_the_key_of_a_lease")

    class Mutant(MemoryCache):
        def acquire(self, key, owner, seconds):
            return super().acquire("the lease", owner, seconds)


class TestLeasesNeverEnd(Correct):
    caught_by = ("test_lease_ends_after_its_time",)

    class Mutant(MemoryCache):
        def acquire(self, key, owner, seconds):
            return super().acquire(key, owner, 1e9)


class TestLeasesEndTooEarly(Correct):
    caught_by = ("test_lease_ends_after_its_time",)

    class Mutant(MemoryCache):
        def acquire(self, key, owner, seconds):
            return super().acquire(key, owner, seconds / 2)


class TestDoesNotRenew(Correct):
    caught_by = ("test_owner_renews_its_lease",)

    class Mutant(MemoryCache):
        def acquire(self, key, owner, seconds):
            holder, end = self.store.leases.get(key, (None, 0))
            return "acquired" if holder == owner and self.now() < end else super().acquire(key, owner, seconds)


class TestRejectsItsOwner(Correct):
    caught_by = ("test_owner_renews_its_lease", "test_only_its_owner_releases_a_lease")

    class Mutant(MemoryCache):
        def acquire(self, key, owner, seconds):
            holder, end = self.store.leases.get(key, (None, 0))
            return "held" if holder == owner and self.now() < end else super().acquire(key, owner, seconds)


class TestNeverReleases(Correct):
    caught_by = ("test_released_lease_can_be_acquired",)

    class Mutant(MemoryCache):
        def release(self, key, owner, *, kept, seconds):
            pass


class TestForgetsThatNothingWasKept(Correct):
    caught_by = ("test_others_learn_that_no_value_was_stored",)

    class Mutant(MemoryCache):
        def release(self, key, owner, *, kept, seconds):
            super().release(key, owner, kept=True, seconds=seconds)


class TestTellsOneOwnerThatNothingWasKept(Correct):
    caught_by = ("test_others_learn_that_no_value_was_stored",)

    class Mutant(MemoryCache):
        def acquire(self, key, owner, seconds):
            state = super().acquire(key, owner, seconds)
            if state == "not kept":
                del self.store.leases[key]
            return state


class TestReleasesForAnyOwner(Correct):
    caught_by = (
        "test_only_its_owner_releases_a_lease",
        "test_late_release_does_not_end_the_lease_of_another_owner",
    )

    class Mutant(MemoryCache):
        def release(self, key, owner, *, kept, seconds):
            if key in self.store.leases:
                self.store.leases[key] = (None, 0 if kept else self.now() + seconds)


class TestReleasesAfterTheEnd(Correct):
    caught_by = ("test_late_release_without_a_value_has_no_effect",)

    class Mutant(MemoryCache):
        def release(self, key, owner, *, kept, seconds):
            if self.store.leases.get(key, (None, 0))[0] == owner:
                self.store.leases[key] = (None, 0 if kept else self.now() + seconds)


class TestGrantsALeaseToSeveralThreads(Correct):
    caught_by = ("test_instances_compete_for_a_lease",)

    class Mutant(MemoryCache):
        def acquire(self, key, owner, seconds):
            holder, end = self.store.leases.get(key, (owner, 0))
            if holder != owner and self.now() < end:
                return "held"
            time.sleep(0.01)
            self.store.leases[key] = (owner, self.now() + seconds)
            return "acquired"


class TestLeasesForItself(Correct):
    caught_by = ("test_leases_are_shared",)

    class Mutant(MemoryCache):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.own = Store()

        @property
        def store(self):
            _ = super().store
            return self.own


class TestStoresLeasesAsEntries(Correct):
    caught_by = ("test_leases_are_no_entries",)

    class Mutant(MemoryCache):
        def acquire(self, key, owner, seconds):
            state = super().acquire(key, owner, seconds)
            if state == "acquired":
                self.set(key, owner.encode(), ttl=seconds)
            return state
