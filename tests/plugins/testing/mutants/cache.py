"""A sound cache, and caches that are broken in one place each."""

import threading
import unicodedata
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from budwood.hooks import CACHE, CacheSpec
from budwood_testing import CacheSuite
from tests.plugins.testing.mutants.registering import registry_of

SHELVES = {}
"""What persists: entries by store, which outlive the caches that wrote them."""


class ShelfSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: Path
    namespace: str = "here"


class Shelf:
    """
    It keeps entries in a table of this process.
    """

    def __init__(self, settings, context):
        self.settings = settings
        self.clock = context.clock
        self.closed = False

    @property
    def entries(self):
        if not self.settings.path.parent.is_dir():
            raise NotADirectoryError(str(self.settings.path))
        return SHELVES.setdefault(self.settings.path, {})

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


class Sound(CacheSuite):
    """
    All that a mutant states is what is broken, and by which tests it must be caught.
    """

    plugin = "shelf"
    persists = True
    caught_by: ClassVar = ()
    Mutant: ClassVar = Shelf

    def __init_subclass__(cls):
        spec = CacheSpec(
            name="shelf",
            settings=lambda: ShelfSettings,
            build=cls.Mutant,
            requires_api=(2, 0),
            summary="It keeps.",
        )
        cls.registry = registry_of(CACHE, spec)

    def settings(self, folder):
        return {"path": folder / "shelf"}

    def other_namespace(self, folder):
        return {"namespace": "there"}

    def broken_settings(self, folder):
        (folder / "file").write_text("")
        return {"path": folder / "file" / "shelf"}

    def break_store(self, folder):
        (folder / "broken").write_text("")
        return True


class TestSound(Sound):
    pass


class TestRaisesForUnknownKeys(Sound):
    caught_by = ("test_unknown_key_is_none",)

    class Mutant(Shelf):
        def get(self, key):
            return self.entries[self.name(key)][0]


class TestForgetsWhatWasRead(Sound):
    caught_by = ("test_value_comes_back",)

    class Mutant(Shelf):
        def get(self, key):
            value = super().get(key)
            self.entries.pop(self.name(key), None)
            return value


class TestReturnsOtherBytes(Sound):
    caught_by = ("test_value_comes_back",)

    class Mutant(Shelf):
        def get(self, key):
            value = super().get(key)
            return None if value is None else bytearray(value)


class TestLosesEmptyValues(Sound):
    caught_by = ("test_any_value_comes_back",)

    class Mutant(Shelf):
        def get(self, key):
            return super().get(key) or None


class TestKeepsTextAlone(Sound):
    caught_by = ("test_any_value_comes_back",)

    class Mutant(Shelf):
        def set(self, key, value, *, ttl=None):
            super().set(key, value.decode("utf-8", "ignore").encode(), ttl=ttl)


class TestRefusesStrangeKeys(Sound):
    caught_by = ("test_any_text_is_a_key",)

    class Mutant(Shelf):
        def name(self, key):
            return super().name(key.encode())


class TestIgnoresCase(Sound):
    caught_by = ("test_keys_that_look_alike_are_told_apart",)

    class Mutant(Shelf):
        def name(self, key):
            return super().name(key.lower())


class TestComposesKeys(Sound):
    caught_by = ("test_keys_that_look_alike_are_told_apart",)

    class Mutant(Shelf):
        def name(self, key):
            return super().name(unicodedata.normalize("NFC", key))


class TestCutsKeys(Sound):
    caught_by = ("test_keys_that_look_alike_are_told_apart",)

    class Mutant(Shelf):
        def name(self, key):
            return super().name(key[:255])


class TestKeepsTheFirst(Sound):
    caught_by = ("test_new_value_replaces_the_old_one",)

    class Mutant(Shelf):
        def set(self, key, value, *, ttl=None):
            if self.get(key) is None:
                super().set(key, value, ttl=ttl)


class TestNeverForgets(Sound):
    caught_by = ("test_value_lasts_as_long_as_it_was_given", "test_time_goes_on_while_nobody_looks")

    class Mutant(Shelf):
        def set(self, key, value, *, ttl=None):
            super().set(key, value)


class TestForgetsTooLate(Sound):
    caught_by = ("test_value_lasts_as_long_as_it_was_given",)

    class Mutant(Shelf):
        def get(self, key):
            value, end = self.entries.get(self.name(key), (None, None))
            return value if end is None or self.now() <= end else None


class TestWholeSecondsAlone(Sound):
    caught_by = ("test_parts_of_a_second_count",)

    class Mutant(Shelf):
        def set(self, key, value, *, ttl=None):
            super().set(key, value, ttl=None if ttl is None else int(ttl))


class TestForgetsInTheEnd(Sound):
    caught_by = ("test_value_without_a_time_lasts",)

    class Mutant(Shelf):
        def set(self, key, value, *, ttl=None):
            super().set(key, value, ttl=86400 * 365 if ttl is None else ttl)


class TestKeepsTheOldTime(Sound):
    caught_by = ("test_new_value_has_a_time_of_its_own",)

    class Mutant(Shelf):
        def set(self, key, value, *, ttl=None):
            old = self.entries.get(self.name(key))
            super().set(key, value, ttl=ttl)
            if old is not None:
                self.entries[self.name(key)] = (value, old[1])


class TestReadingProlongs(Sound):
    caught_by = ("test_reading_does_not_prolong_a_time",)

    class Mutant(Shelf):
        def get(self, key):
            value = super().get(key)
            if value is not None and self.entries[self.name(key)][1] is not None:
                self.entries[self.name(key)] = (value, self.now() + 10)
            return value


class TestOneThreadAtATime(Sound):
    caught_by = ("test_threads_may_share_it",)

    class Mutant(Shelf):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.mine = threading.get_ident()

        def set(self, key, value, *, ttl=None):
            if threading.get_ident() != self.mine:
                raise RuntimeError("made in another thread")
            super().set(key, value, ttl=ttl)


class TestClosesOnce(Sound):
    caught_by = ("test_closing_twice_is_no_error",)

    class Mutant(Shelf):
        def close(self):
            if self.closed:
                raise RuntimeError("closed already")
            super().close()


class TestPersistsInWordsAlone(Sound):
    caught_by = ("test_what_persists_is_found_again",)

    class Mutant(Shelf):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.own = {}

        @property
        def entries(self):
            _ = super().entries
            return self.own


class TestLosesAllWhenClosed(Sound):
    caught_by = ("test_what_persists_is_found_again",)

    class Mutant(Shelf):
        def close(self):
            SHELVES.pop(self.settings.path, None)


class TestOneNamespaceForAll(Sound):
    caught_by = ("test_namespaces_do_not_see_each_other",)

    class Mutant(Shelf):
        def name(self, key):
            return key


class TestSwallowsFaults(Sound):
    caught_by = ("test_broken_store_is_an_os_error",)

    class Mutant(Shelf):
        def set(self, key, value, *, ttl=None):
            try:
                super().set(key, value, ttl=ttl)
            except OSError:
                return


class TestFaultsOfItsOwn(Sound):
    caught_by = ("test_broken_store_is_an_os_error",)

    class Mutant(Shelf):
        def get(self, key):
            try:
                return super().get(key)
            except OSError as error:
                raise RuntimeError(str(error)) from error


class TestEndsCallsWhenItsStoreBreaks(Sound):
    caught_by = ("test_store_that_breaks_in_use_is_an_os_error",)

    class Mutant(Shelf):
        def get(self, key):
            if (self.settings.path.parent / "broken").exists():
                raise RuntimeError("the store is away")
            return super().get(key)


class TestWritesIntoABrokenStore(Sound):
    caught_by = ("test_store_that_breaks_in_use_is_an_os_error",)

    class Mutant(Shelf):
        def set(self, key, value, *, ttl=None):
            if (self.settings.path.parent / "broken").exists():
                raise ValueError("the store is away")
            super().set(key, value, ttl=ttl)
