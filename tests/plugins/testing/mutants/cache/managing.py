"""Caches with defects in listing and removing entries, and in reading several at once."""

import fnmatch
import re

from budwood.types import CachedItem
from tests.plugins.testing.mutants.cache.correct import Correct, MemoryCache


class TestLeavesMissingValuesOut(Correct):
    caught_by = ("test_several_values_are_read_in_order",)

    class Mutant(MemoryCache):
        def get_many(self, keys):
            return [value for key in keys if (value := self.get(key)) is not None]


class TestReadsRepeatedKeysOnce(Correct):
    caught_by = ("test_several_values_are_read_in_order",)

    class Mutant(MemoryCache):
        def get_many(self, keys):
            return super().get_many(list(dict.fromkeys(keys)))


class TestReadsAThousandKeys(Correct):
    caught_by = ("test_many_values_are_read_at_once",)

    class Mutant(MemoryCache):
        def get_many(self, keys):
            return super().get_many(keys[:999])


class TestListsKeysOnly(Correct):
    caught_by = ("test_entries_are_listed",)

    class Mutant(MemoryCache):
        def items(self, prefix=""):
            for item in super().items(prefix):
                yield CachedItem(item.key, 0)


class TestListsTheTTL(Correct):
    caught_by = ("test_entries_are_listed",)

    class Mutant(MemoryCache):
        def items(self, prefix=""):
            for item in super().items(prefix):
                yield item._replace(expires=None if item.expires is None else item.expires - self.now())


class TestListsOldValues(Correct):
    caught_by = ("test_new_value_is_listed_once",)

    class Mutant(MemoryCache):
        def set(self, key, value, *, ttl=None):
            old = self.entries.get(key)
            super().set(key, value, ttl=ttl)
            self.old = [] if old is None else [CachedItem(key, len(old[0]), old[1])]

        def items(self, prefix=""):
            yield from super().items(prefix)
            yield from self.old


class TestListsExpiredEntries(Correct):
    caught_by = ("test_expired_entries_do_not_count",)

    class Mutant(MemoryCache):
        def items(self, prefix=""):
            for key, (value, end) in list(self.entries.items()):
                if self.matches(key, prefix):
                    yield CachedItem(key, len(value), end)


class TestCountsExpiredEntries(Correct):
    caught_by = ("test_expired_entries_do_not_count",)

    class Mutant(MemoryCache):
        def delete(self, key):
            return self.entries.pop(key, None) is not None


class TestTreatsPrefixesAsLike(Correct):
    caught_by = ("test_prefix_is_compared_exactly",)

    class Mutant(MemoryCache):
        def matches(self, key, prefix):
            pattern = re.escape(prefix).replace("%", ".*").replace("_", ".")
            return re.match(pattern, key, re.DOTALL) is not None


class TestTreatsPrefixesAsGlob(Correct):
    caught_by = ("test_prefix_is_compared_exactly",)

    class Mutant(MemoryCache):
        def matches(self, key, prefix):
            return fnmatch.fnmatchcase(key, f"{prefix}*")


class TestIgnoresCaseOfPrefixes(Correct):
    caught_by = ("test_prefix_is_compared_exactly",)

    class Mutant(MemoryCache):
        def matches(self, key, prefix):
            return key.lower().startswith(prefix.lower())


class TestListsTheFirstPage(Correct):
    caught_by = ("test_many_entries_are_listed_and_removed",)

    class Mutant(MemoryCache):
        def items(self, prefix=""):
            yield from list(super().items(prefix))[:1000]


class TestDeletesByPrefix(Correct):
    caught_by = ("test_entry_is_deleted",)

    class Mutant(MemoryCache):
        def delete(self, key):
            found = [name for name in self.entries if name.startswith(key)]
            for name in found:
                del self.entries[name]
            return bool(found)


class TestIteratesOverTheEntries(Correct):
    caught_by = ("test_entries_may_change_while_they_are_listed",)

    class Mutant(MemoryCache):
        def items(self, prefix=""):
            for key, (value, end) in self.entries.items():
                if self.matches(key, prefix) and self.is_live(end):
                    yield CachedItem(key, len(value), end)


class TestPrunesEverythingWithATTL(Correct):
    caught_by = ("test_pruning_keeps_what_has_not_expired",)

    class Mutant(MemoryCache):
        def prune(self):
            expired = [key for key, (_, end) in self.entries.items() if end is not None]
            for key in expired:
                del self.entries[key]
            return len(expired)
