"""A correct cache, and broken ones."""

import threading
import unicodedata
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from budwood.hooks import CACHE, CacheSpec
from budwood_testing import CacheSuite
from tests.plugins.testing.mutants.registering import registry_of

STORES = {}
"""The entries of all stores; they remain when a cache is closed."""


class MemorySettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: Path
    namespace: str = "here"


class MemoryCache:
    """
    Stores entries in the memory of the process.
    """

    def __init__(self, settings, context):
        self.settings = settings
        self.clock = context.clock
        self.closed = False

    @property
    def entries(self):
        if not self.settings.path.parent.is_dir():
            raise NotADirectoryError(str(self.settings.path))
        return STORES.setdefault(self.settings.path, {})

    def name(self, key):
        return self.settings.namespace, key

    def now(self):
        return self.clock.time()

    def get(self, key):
        value, end = self.entries.get(self.name(key), (None, None))
        return value if end is None or self.now() < end else None

    def set(self, key, value, *, ttl=None):
        self.entries[self.name(key)] = (value, None if ttl is None else self.now() + ttl)

    def close(self):
        self.closed = True


class Correct(CacheSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "memory-store"
    persists = True
    caught_by: ClassVar = ()
    Mutant: ClassVar = MemoryCache

    def __init_subclass__(cls):
        spec = CacheSpec(
            name="memory-store",
            settings=lambda: MemorySettings,
            build=cls.Mutant,
            requires_api=(2, 0),
            summary="Stores entries in memory.",
        )
        cls.registry = registry_of(CACHE, spec)

    def settings(self, folder):
        return {"path": folder / "memory-store"}

    def other_namespace(self, folder):
        return {"namespace": "there"}

    def broken_settings(self, folder):
        (folder / "file").write_text("")
        return {"path": folder / "file" / "memory-store"}

    def break_store(self, folder):
        (folder / "broken").write_text("")
        return True


class TestCorrect(Correct):
    pass


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
            self.own = {}

        @property
        def entries(self):
            _ = super().entries
            return self.own


class TestClearsOnClose(Correct):
    caught_by = ("test_stored_values_are_visible_to_other_instances",)

    class Mutant(MemoryCache):
        def close(self):
            STORES.pop(self.settings.path, None)


class TestIgnoresNamespace(Correct):
    caught_by = ("test_namespaces_are_separate",)

    class Mutant(MemoryCache):
        def name(self, key):
            return key


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
