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
    Count what the file holds, expired or not.
    """
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM entries").fetchone()[0]


def test_unknown_key_has_no_value(cache):
    """
    What was never set is None.
    """
    assert cache.get("nothing") is None


def test_value_outlives_the_cache_object(open_cache):
    """
    What one object kept and closed, the next finds.
    """
    first = open_cache()
    first.set("key", b"value")
    first.close()

    assert open_cache().get("key") == b"value"


def test_later_value_replaces_the_earlier(cache, path):
    """
    A key has one value: the last.
    """
    cache.set("key", b"one")
    cache.set("key", b"two")

    assert cache.get("key") == b"two"
    assert entries(path) == 1


@shared_fixtures
@example(kept={"": b"", "\0": b"\0", "\ud800": b"a surrogate", "😀": b"beyond the first plane"})
@given(kept=st.dictionaries(any_text, st.binary(), max_size=5))
def test_any_text_is_a_key_and_any_bytes_a_value(cache, kept):
    """
    Values come back as they were, under keys of any characters: zero, lone surrogates, none at all.
    """
    for key, value in kept.items():
        cache.set(key, value)

    assert {key: cache.get(key) for key in kept} == kept


@pytest.mark.parametrize("pair", [("é", "e\u0301"), ("K", "k"), ("a", "a "), ("a\0b", "a\0c"), ("ß", "ss")])
def test_keys_that_look_alike_are_different(cache, pair):
    """
    Keys are compared exactly, without case, normal forms or ends at a zero.
    """
    cache.set(pair[0], b"first")

    assert cache.get(pair[1]) is None


def test_large_value_comes_back_whole(cache):
    """
    Ten megabytes are kept like ten bytes.
    """
    value = os.urandom(10_000_000)

    cache.set("large", value)

    assert cache.get("large") == value


def test_value_must_be_bytes(cache):
    """
    A text is refused before it is written, not when it is read.
    """
    with pytest.raises(TypeError):
        cache.set("key", "text")

    assert cache.get("key") is None


def test_entry_ends_after_its_ttl(cache, clock):
    """
    A value is there until its seconds are over, and not a moment longer.
    """
    cache.set("key", b"value", ttl=10)

    clock.now += 9.999
    assert cache.get("key") == b"value"
    clock.now += 0.001
    assert cache.get("key") is None


def test_entry_without_ttl_stays(cache, clock):
    """
    Without a time to live there is no end.
    """
    cache.set("key", b"value")

    clock.now += 1e9
    assert cache.get("key") == b"value"


def test_ttl_of_the_settings_holds_where_none_is_given(open_cache, clock):
    """
    The settings say how long, and a set that says otherwise wins.
    """
    cache = open_cache(ttl=10)
    cache.set("usual", b"value")
    cache.set("longer", b"value", ttl=100)
    cache.set("shorter", b"value", ttl=1)

    clock.now += 5
    assert [cache.get(key) for key in ("usual", "longer", "shorter")] == [b"value", b"value", None]
    clock.now += 5
    assert [cache.get(key) for key in ("usual", "longer", "shorter")] == [None, b"value", None]


def test_ttl_holds_across_restarts(open_cache, clock):
    """
    The end of an entry is a time of day, which the next process reads like this one.
    """
    first = open_cache()
    first.set("key", b"value", ttl=10)
    first.close()

    clock.now += 10
    assert open_cache().get("key") is None


def test_replacing_an_expired_entry_gives_it_a_new_time(cache, clock):
    """
    A key that was over is as good as new.
    """
    cache.set("key", b"old", ttl=1)
    clock.now += 5
    cache.set("key", b"new")

    assert cache.get("key") == b"new"


def test_expired_entries_leave_the_file_step_by_step(cache, clock, path):
    """
    Each set removes some of what is over, never all at once, so that no call pays for a great cleaning.
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


def test_namespaces_do_not_see_each_other(open_cache):
    """
    One file holds the same key once for each namespace.
    """
    one, two = open_cache(namespace="one"), open_cache(namespace="two")
    one.set("key", b"first")

    assert two.get("key") is None
    two.set("key", b"second")
    assert [one.get("key"), two.get("key")] == [b"first", b"second"]


def test_threads_share_a_cache(cache):
    """
    Sixteen threads that read and write at once lose nothing and see only whole values.
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
        kept = list(pool.map(work, range(16)))

    assert kept == [[bytes([number]) * 1000] * 30 for number in range(16)]


def test_caches_create_one_file_together(open_cache, tmp_path):
    """
    Caches that open a new file at the same moment wait for each other, and none fails.
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
    What one object has set, another of the same process reads at once.
    """
    one, two = open_cache(), open_cache()
    assert two.get("key") is None

    one.set("key", b"value")

    assert two.get("key") == b"value"


def test_closed_cache_says_so(cache):
    """
    Closing twice is no error; using it afterwards is one.
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
    A cache that is made and not used leaves no file and no folder.
    """
    open_cache().close()

    assert not path.parent.exists()


def test_default_file_is_in_the_cache_folder(open_cache, path):
    """
    Without a path, the file is one of the folder that the plugin is given.
    """
    open_cache(path=None).set("key", b"value")

    assert path.exists()


def test_path_may_begin_with_the_home_folder(open_cache, tmp_path):
    """
    A tilde means the user's home.
    """
    open_cache(path="~/mine.sqlite3").set("key", b"value")

    assert (tmp_path / "home" / "mine.sqlite3").exists()


def test_relative_path_does_not_follow_the_current_folder(open_cache, tmp_path, monkeypatch):
    """
    A relative path means the folder in which the cache was made, wherever the program goes later.
    """
    cache = open_cache(path="here.sqlite3")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    cache.set("key", b"value")

    assert (tmp_path / "here.sqlite3").exists()


def test_folder_is_refused_when_the_cache_is_made(open_cache, tmp_path):
    """
    A folder instead of a file is a mistake in the settings, and the message says what to name instead.
    """
    with pytest.raises(ConfigurationError, match=r"is a folder.*Name a file in it"):
        open_cache(path=tmp_path)


@pytest.mark.parametrize("wrong", [{"ttl": 0}, {"ttl": -1}, {"ttl": float("inf")}, {"namespace": ""}, {"pth": "x"}])
def test_settings_that_make_no_sense_are_refused(wrong):
    """
    A mistake in the settings is told when they are read.
    """
    with pytest.raises(ValidationError):
        SQLiteCacheSettings(**wrong)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_its_owner_can_read_the_file(cache, path, monkeypatch):
    """
    The file, its logs and a folder made for them are closed to others, whatever the umask.
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
def test_folder_that_was_there_keeps_its_mode(open_cache, path):
    """
    A folder of the user's is not changed.
    """
    path.parent.mkdir(mode=0o755)
    path.parent.chmod(0o755)
    open_cache().set("key", b"value")

    assert path.parent.stat().st_mode & 0o777 == 0o755
