from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from budwood.errors import ConfigurationError
from budwood_sqlite_cache import SQLiteCacheSettings

shared_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
any_text = st.text(st.characters(exclude_categories=()))


def entries(path):
    """
    Return the number of entries in the file, including expired ones.
    """
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM entries").fetchone()[0]


def test_unknown_key_has_no_value(cache):
    """
    `get` returns None for a key that was never set.
    """
    assert cache.get("nothing") is None


def test_value_outlives_the_cache_object(open_cache):
    """
    A value is found by another object after the first was closed.
    """
    first = open_cache()
    first.set("key", b"value")
    first.close()

    assert open_cache().get("key") == b"value"


def test_later_value_replaces_the_earlier(cache, path):
    """
    A key has only its last value.
    """
    cache.set("key", b"one")
    cache.set("key", b"two")

    assert cache.get("key") == b"two"
    assert entries(path) == 1


@shared_fixtures
@example(values={"": b"", "\0": b"\0", "\ud800": b"a surrogate", "😀": b"beyond the first plane"})
@given(values=st.dictionaries(any_text, st.binary(), max_size=5))
def test_any_text_is_a_key_and_any_bytes_a_value(cache, values):
    """
    Any bytes are stored unchanged under any key, including empty ones, zeros and lone surrogates.
    """
    for key, value in values.items():
        cache.set(key, value)

    assert {key: cache.get(key) for key in values} == values


@pytest.mark.parametrize("pair", [("é", "e\u0301"), ("K", "k"), ("a", "a "), ("a\0b", "a\0c"), ("ß", "ss")])
def test_similar_keys_are_different(cache, pair):
    """
    Keys are compared exactly: case, normal forms and zeros matter.
    """
    cache.set(pair[0], b"first")

    assert cache.get(pair[1]) is None


def test_large_value_is_stored(cache):
    """
    A value may have ten megabytes.
    """
    value = os.urandom(10_000_000)

    cache.set("large", value)

    assert cache.get("large") == value


def test_value_must_be_bytes(cache):
    """
    A text is rejected by `set`.
    """
    with pytest.raises(TypeError):
        cache.set("key", "text")

    assert cache.get("key") is None


def test_entry_expires_after_its_ttl(cache, clock):
    """
    A value is returned until its ttl has passed, and not afterwards.
    """
    cache.set("key", b"value", ttl=10)

    clock.now += 9.999
    assert cache.get("key") == b"value"
    clock.now += 0.001
    assert cache.get("key") is None


def test_entry_without_ttl_does_not_expire(cache, clock):
    """
    A value without a ttl does not expire.
    """
    cache.set("key", b"value")

    clock.now += 1e9
    assert cache.get("key") == b"value"


def test_ttl_applies_after_a_restart(open_cache, clock):
    """
    The expiry is stored as wall-clock time, which the next process uses.
    """
    first = open_cache()
    first.set("key", b"value", ttl=10)
    first.close()

    clock.now += 10
    assert open_cache().get("key") is None


def test_expired_entry_can_be_replaced(cache, clock):
    """
    A new value replaces an expired one.
    """
    cache.set("key", b"old", ttl=1)
    clock.now += 5
    cache.set("key", b"new")

    assert cache.get("key") == b"new"


def test_expired_entries_are_removed_incrementally(cache, clock, path):
    """
    Each `set` removes only some expired entries, so that no call has to remove many.
    """
    for number in range(50):
        cache.set(f"old {number}", b"value", ttl=1)
    clock.now += 1
    counts = []
    for number in range(10):
        cache.set(f"new {number}", b"value")
        counts.append(entries(path))

    removed = [before + 1 - after for before, after in zip([50, *counts], counts, strict=False)]
    assert max(removed) < 20
    assert counts[-1] == 10


def test_threads_share_a_cache(cache):
    """
    Sixteen threads that read and write at once lose no value and read no mixture.
    """
    barrier = Barrier(16)

    def work(number):
        barrier.wait()
        for step in range(30):
            cache.set(f"own {number} {step}", bytes([number]) * 1000)
            cache.set("common", bytes([number]) * 1000)
            common = cache.get("common")
            assert common == common[:1] * 1000
        return [cache.get(f"own {number} {step}") for step in range(30)]

    with ThreadPoolExecutor(16) as pool:
        values = list(pool.map(work, range(16)))

    assert values == [[bytes([number]) * 1000] * 30 for number in range(16)]


def test_caches_create_one_file_together(open_cache, tmp_path):
    """
    Caches that create the same file at once wait for each other.
    """
    count = 8
    barrier = Barrier(count)

    def work(number):
        for step in range(20):
            cache = open_cache(path=tmp_path / f"new {step}" / "replies.sqlite3")
            barrier.wait()
            cache.set(f"key {number}", b"value")
            barrier.wait()
            assert all(cache.get(f"key {other}") == b"value" for other in range(count))

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))


def test_two_caches_over_one_file_see_each_other(open_cache):
    """
    A value set by one object is immediately visible to another.
    """
    one, two = open_cache(), open_cache()
    assert two.get("key") is None

    one.set("key", b"value")

    assert two.get("key") == b"value"


def test_closed_cache_is_an_error(cache):
    """
    Closing twice is allowed; using a closed cache raises OSError.
    """
    cache.set("key", b"value")
    cache.close()
    cache.close()

    with pytest.raises(OSError, match="closed"):
        cache.get("key")
    with pytest.raises(OSError, match="closed"):
        cache.set("key", b"value")


def test_nothing_is_written_before_the_first_use(open_cache, path):
    """
    A cache that is not used creates no file or folder.
    """
    open_cache().close()

    assert not path.parent.exists()


def test_default_file_is_in_the_cache_folder(open_cache, path):
    """
    Without a path, the file is in the cache folder of the plugin.
    """
    open_cache(path=None).set("key", b"value")

    assert path.with_name("replies-2.sqlite3").exists()


def test_tilde_in_the_path_is_expanded(open_cache, tmp_path):
    """
    A tilde in the path is the user's home.
    """
    open_cache(path="~/mine.sqlite3").set("key", b"value")

    assert (tmp_path / "home" / "mine.sqlite3").exists()


def test_relative_path_is_resolved_once(open_cache, tmp_path, monkeypatch):
    """
    A relative path refers to the current folder when the cache was built.
    """
    cache = open_cache(path="here.sqlite3")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    cache.set("key", b"value")

    assert (tmp_path / "here.sqlite3").exists()


def test_folder_as_path_is_an_error(open_cache, tmp_path):
    """
    A folder as the path raises ConfigurationError with a hint when the cache is built.
    """
    with pytest.raises(ConfigurationError, match=r"is a folder.*Set it to a file"):
        open_cache(path=tmp_path)


@pytest.mark.parametrize("wrong", [{"max_bytes": 0}, {"max_bytes": 1000}, {"pth": "x"}])
def test_invalid_settings_are_rejected(wrong):
    """
    Invalid settings raise an error.
    """
    with pytest.raises(ValidationError):
        SQLiteCacheSettings(**wrong)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_its_owner_can_read_the_file(cache, path, monkeypatch):
    """
    The file, its logs and the created folder are accessible only to the owner, whatever the umask.
    """
    before = os.umask(0)
    try:
        cache.set("key", b"value")
    finally:
        os.umask(before)

    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {path.name: 0o600, f"{path.name}-wal": 0o600, f"{path.name}-shm": 0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_existing_folder_keeps_its_mode(open_cache, path):
    """
    The mode of an existing folder is not changed.
    """
    path.parent.mkdir(mode=0o755)
    path.parent.chmod(0o755)
    open_cache().set("key", b"value")

    assert path.parent.stat().st_mode & 0o777 == 0o755
