"""Caches with defects in storing values."""

import threading
import unicodedata

from tests.plugins.testing.mutants.cache.correct import STORES, Correct, MemoryCache, Store


class TestRaisesForUnknownKeys(Correct):
    caught_by = ("test_unknown_key_returns_none",)

    class Mutant(MemoryCache):
        def get(self, key):
            return self.entries[self.name(key)][0]


class TestRemovesValuesOnRead(Correct):
    caught_by = ("test_get_returns_the_stored_value",)

    class Mutant(MemoryCache):
        def get(self, key):
            value = super().get(key)
            self.entries.pop(self.name(key), None)
            return value


class TestReturnsBytearray(Correct):
    caught_by = ("test_get_returns_the_stored_value",)

    class Mutant(MemoryCache):
        def get(self, key):
            value = super().get(key)
            return None if value is None else bytearray(value)


class TestLosesEmptyValues(Correct):
    caught_by = ("test_any_bytes_can_be_stored",)

    class Mutant(MemoryCache):
        def get(self, key):
            return super().get(key) or None


class TestStoresOnlyText(Correct):
    caught_by = ("test_any_bytes_can_be_stored",)

    class Mutant(MemoryCache):
        def set(self, key, value, *, ttl=None):
            super().set(key, value.decode("utf-8", "ignore").encode(), ttl=ttl)


class TestRejectsUnusualKeys(Correct):
    caught_by = ("test_any_text_can_be_a_key",)

    class Mutant(MemoryCache):
        def name(self, key):
            return super().name(key.encode())


class TestIgnoresCase(Correct):
    caught_by = ("test_similar_keys_are_distinct",)

    class Mutant(MemoryCache):
        def name(self, key):
            return super().name(key.lower())


class TestNormalizesKeys(Correct):
    caught_by = ("test_similar_keys_are_distinct",)

    class Mutant(MemoryCache):
        def name(self, key):
            return super().name(unicodedata.normalize("NFC", key))


class TestTruncatesKeys(Correct):
    caught_by = ("test_similar_keys_are_distinct",)

    class Mutant(MemoryCache):
        def name(self, key):
            return super().name(key[:255])


class TestNeverOverwrites(Correct):
    caught_by = ("test_new_value_replaces_the_old_one",)

    class Mutant(MemoryCache):
        def set(self, key, value, *, ttl=None):
            if self.get(key) is None:
                super().set(key, value, ttl=ttl)


class TestIgnoresTTL(Correct):
    caught_by = ("test_value_expires_after_its_ttl", "test_value_expires_while_the_cache_is_closed")

    class Mutant(MemoryCache):
        def set(self, key, value, *, ttl=None):
            super().set(key, value)


class TestExpiresTooLate(Correct):
    caught_by = ("test_value_expires_after_its_ttl",)

    class Mutant(MemoryCache):
        def get(self, key):
            value, end = self.entries.get(self.name(key), (None, None))
            return value if end is None or self.now() <= end else None


class TestRoundsTTLToSeconds(Correct):
    caught_by = ("test_ttl_may_be_a_fraction_of_a_second",)

    class Mutant(MemoryCache):
        def set(self, key, value, *, ttl=None):
            super().set(key, value, ttl=None if ttl is None else int(ttl))


class TestExpiresWithoutTTL(Correct):
    caught_by = ("test_value_without_a_ttl_does_not_expire",)

    class Mutant(MemoryCache):
        def set(self, key, value, *, ttl=None):
            super().set(key, value, ttl=86400 * 365 if ttl is None else ttl)


class TestKeepsOldTTL(Correct):
    caught_by = ("test_new_value_has_its_own_ttl",)

    class Mutant(MemoryCache):
        def set(self, key, value, *, ttl=None):
            old = self.entries.get(self.name(key))
            super().set(key, value, ttl=ttl)
            if old is not None:
                self.entries[self.name(key)] = (value, old[1])


class TestReadingExtendsTTL(Correct):
    caught_by = ("test_reading_does_not_extend_the_ttl",)

    class Mutant(MemoryCache):
        def get(self, key):
            value = super().get(key)
            if value is not None and self.entries[self.name(key)][1] is not None:
                self.entries[self.name(key)] = (value, self.now() + 10)
            return value


class TestAllowsOneThread(Correct):
    caught_by = ("test_is_thread_safe",)

    class Mutant(MemoryCache):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.creator = threading.get_ident()

        def set(self, key, value, *, ttl=None):
            if threading.get_ident() != self.creator:
                raise RuntimeError("created in another thread")
            super().set(key, value, ttl=ttl)


class TestClosingTwiceFails(Correct):
    caught_by = ("test_closing_twice_is_no_error",)

    class Mutant(MemoryCache):
        def close(self):
            if self.closed:
                raise RuntimeError("already closed")
            super().close()


class TestDoesNotPersist(Correct):
    caught_by = ("test_stored_values_are_visible_to_other_instances",)

    class Mutant(MemoryCache):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.own = Store()

        @property
        def store(self):
            _ = super().store
            return self.own


class TestClearsOnClose(Correct):
    caught_by = ("test_stored_values_are_visible_to_other_instances",)

    class Mutant(MemoryCache):
        def close(self):
            STORES.pop(self.settings.path, None)


class TestHidesErrors(Correct):
    caught_by = ("test_unusable_store_raises_os_error",)

    class Mutant(MemoryCache):
        def set(self, key, value, *, ttl=None):
            try:
                super().set(key, value, ttl=ttl)
            except OSError:
                return


class TestRaisesRuntimeErrorOnGet(Correct):
    caught_by = ("test_unusable_store_raises_os_error",)

    class Mutant(MemoryCache):
        def get(self, key):
            try:
                return super().get(key)
            except OSError as error:
                raise RuntimeError(str(error)) from error


class TestGetRaisesRuntimeErrorAfterFailure(Correct):
    caught_by = ("test_store_that_breaks_during_use_raises_os_error",)

    class Mutant(MemoryCache):
        def get(self, key):
            if (self.settings.path.parent / "broken").exists():
                raise RuntimeError("the store is unavailable")
            return super().get(key)


class TestSetRaisesValueErrorAfterFailure(Correct):
    caught_by = ("test_store_that_breaks_during_use_raises_os_error",)

    class Mutant(MemoryCache):
        def set(self, key, value, *, ttl=None):
            if (self.settings.path.parent / "broken").exists():
                raise ValueError("the store is unavailable")
            super().set(key, value, ttl=ttl)


class TestLacksPrune(Correct):
    caught_by = ("test_optional_methods_are_complete",)

    class Mutant(MemoryCache):
        prune = None


class TestDoesNotListKeysThatWereDeletedOnce(Correct):
    caught_by = ("test_behaves_like_a_dictionary",)

    class Mutant(MemoryCache):
        deleted = frozenset()

        def delete(self, key):
            self.deleted |= {key}
            return super().delete(key)

        def items(self, prefix=""):
            return (item for item in super().items(prefix) if item.key not in self.deleted)
