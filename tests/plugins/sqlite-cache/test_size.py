"""The size of the file, and which entries are removed first."""

from __future__ import annotations

import itertools

from budwood_sqlite_cache.entries import HOUR

LIMIT = 2_000_000


def used_at(cache):
    """
    Return when each entry was used.
    """
    return {item.key: item.used for item in cache.items()}


def test_file_does_not_outgrow_its_limit(open_cache, path):
    """
    With entries of any size, the file keeps to `max_bytes`, and stores as much as fits.
    """
    cache = open_cache(max_bytes=LIMIT)
    for number in range(400):
        cache.set(f"key {number}", bytes([number % 256]) * (100 + 211 * number % 50_000))
        cache._database.use(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        assert path.stat().st_size < LIMIT + 200_000

    assert sum(item.size for item in cache.items()) > LIMIT * 0.75


def test_small_entries_make_room_for_a_large_one(open_cache):
    """
    As many are removed as are needed, and the oldest of them.
    """
    cache = open_cache(max_bytes=LIMIT)
    for number in range(1500):
        cache.set(f"small {number}", bytes(1000))
    before = len(used_at(cache))
    cache.set("large", bytes(1_000_000))

    left = used_at(cache)
    assert "large" in left
    assert "small 1499" in left
    assert 300 < len(left) < before - 500


def test_storing_in_a_full_cache_reads_few_entries(open_cache):
    """
    The entries that stay are not looked at: SQLite runs few instructions per value.
    """
    cache, instructions = open_cache(max_bytes=LIMIT), itertools.count()
    for number in range(1500):
        cache.set(f"key {number}", bytes(1000))
    cache._database.use(lambda connection: connection.set_progress_handler(lambda: next(instructions) < 0, 1))
    for number in range(100):
        cache.set(f"new {number}", bytes(1000))

    assert next(instructions) < 100 * 300


def test_least_recently_used_entries_are_removed_first(open_cache, clock):
    """
    Reading an entry counts as using it, if the last use was an hour ago.
    """
    cache = open_cache(max_bytes=LIMIT)
    for number in range(10):
        cache.set(f"key {number}", bytes(150_000))
        clock.advance(1)
    clock.advance(HOUR)
    assert cache.get("key 0") is not None
    for number in range(8):
        cache.set(f"new {number}", bytes(150_000))

    left = used_at(cache)
    assert "key 0" in left
    assert "key 1" not in left
    assert {f"new {number}" for number in range(8)} <= set(left)


def test_value_above_the_limit_is_not_stored(open_cache):
    """
    It removes the earlier value of its key, and no other entry.
    """
    cache = open_cache(max_bytes=LIMIT)
    cache.set("key", b"value")
    cache.set("other", b"value")
    cache.set("key", bytes(LIMIT + 1))

    assert (cache.get("key"), cache.get("other")) == (None, b"value")


def test_lower_limit_applies_to_an_existing_file(open_cache, path):
    """
    `prune` makes the file smaller.
    """
    first = open_cache()
    for number in range(100):
        first.set(f"key {number}", bytes(50_000))
    first.close()
    cache = open_cache(max_bytes=LIMIT)
    assert cache.prune() == 0

    assert path.stat().st_size < LIMIT + 200_000
    assert 20 < len(used_at(cache)) < 45


def test_pruning_releases_the_space_of_removed_entries(open_cache, path, clock):
    """
    The file shrinks, although other instances have it open.
    """
    cache, other = open_cache(), open_cache()
    for number in range(1000):
        cache.set(f"key {number}", bytes(5000), ttl=60 if number % 10 else None)
    assert other.get("key 0") == bytes(5000)
    cache._database.use(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    before = path.stat().st_size
    clock.advance(60)

    assert cache.prune() == 900
    assert path.stat().st_size < before / 5
    assert len(list(other.items())) == 100


def test_pruning_releases_many_pages_at_once(open_cache):
    """
    It writes few transactions, since each one waits for the disk.
    """
    cache, statements = open_cache(), []
    for number in range(200):
        cache.set(f"key {number}", bytes(5000))
    cache.clear()
    cache._database.use(lambda connection: connection.set_trace_callback(statements.append))
    cache.prune()

    assert len([text for text in statements if "incremental_vacuum" in text]) == 1


def test_use_is_noted_at_most_hourly(open_cache, clock):
    """
    A read writes nothing; the time of the last use is stored with the next write, if an hour has passed.
    """
    cache, other = open_cache(), open_cache()
    cache.set("key", b"value")
    stored = clock.time()
    clock.advance(HOUR - 1)
    cache.get("key")
    cache.set("other", b"value")
    assert used_at(other)["key"] == stored

    clock.advance(1)
    read = clock.time()
    cache.get("key")
    assert used_at(other)["key"] == stored
    clock.advance(10)
    cache.add_counts({})
    assert used_at(other)["key"] == read


def test_use_is_noted_when_the_cache_closes(open_cache, clock):
    """
    Also if nothing was written.
    """
    first = open_cache()
    first.set("key", b"value")
    first.close()
    clock.advance(2 * HOUR)
    second = open_cache()
    second.get_many(["key", "none"])
    second.close()

    assert used_at(open_cache()) == {"key": clock.time()}


def test_many_entries_are_cleared_in_several_transactions(open_cache, monkeypatch):
    """
    Other processes can write in between.
    """
    monkeypatch.setattr("budwood_sqlite_cache.entries.BATCH", 10)
    cache, other = open_cache(), open_cache()
    for number in range(35):
        cache.set(f"key {number}", b"value")
    written = []
    cache._database.use(
        lambda connection: connection.set_trace_callback(
            lambda statement: statement.startswith("BEGIN") and written.append(other.set("other", b"value"))
        )
    )

    assert cache.clear("key") == 35
    assert len(written) == 4
    cache._database.use(lambda connection: connection.set_trace_callback(None))
    assert [item.key for item in cache.items()] == ["other"]
