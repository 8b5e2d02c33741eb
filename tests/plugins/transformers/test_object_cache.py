from __future__ import annotations

import threading
import weakref

import pytest

from budwood.errors import StreamInterruptedError
from budwood_transformers.object_cache import ObjectCache


class Item:
    """A cached object."""

    def __init__(self, name: str) -> None:
        self.name = name


class Loader:
    """Creates items, and records their names and weak references."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.living: list[weakref.ref[Item]] = []
        self.freed = 0

    def load(self, name):
        self.loaded.append(name)
        item = Item(name)
        self.living.append(weakref.ref(item))
        return item

    def free(self):
        self.freed += 1


@pytest.fixture
def loader():
    """
    The loader of the cache.
    """
    return Loader()


def name_of(item):
    """Return the name of an item."""
    return item.name


def test_item_is_loaded_once(loader):
    """
    Later uses get the same item.
    """
    cache = ObjectCache(loader.load, 1, loader.free)

    assert [cache.use("a", name_of) for _ in range(3)] == ["a", "a", "a"]
    assert loader.loaded == ["a"]


def test_threads_use_an_item_one_at_a_time(loader):
    """
    Concurrent uses load the item once, and never overlap.
    """
    cache = ObjectCache(loader.load, 1, loader.free)
    inside: list[int] = []
    most = []
    start = threading.Barrier(8)

    def work(item):
        inside.append(1)
        most.append(len(inside))
        inside.pop()

    def run():
        start.wait()
        for _ in range(20):
            cache.use("a", work)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert loader.loaded == ["a"]
    assert set(most) == {1}


def test_least_recently_used_item_is_removed(loader):
    """
    The cache never has more items than its limit, and removes the least recently used one.
    """
    cache = ObjectCache(loader.load, 2, loader.free)

    for name in ("a", "b", "a", "c", "a", "b"):
        cache.use(name, name_of)

    assert loader.loaded == ["a", "b", "c", "b"]
    assert [living() is not None for living in loader.living] == [True, False, False, True]


def test_item_in_use_is_removed_after_its_use(loader):
    """
    Loading another item waits until the first is unused; using the first again loads it again.
    """
    cache = ObjectCache(loader.load, 1, loader.free)
    inside, gate = threading.Event(), threading.Event()

    def hold(item):
        inside.set()
        assert gate.wait(60)
        return list(loader.loaded)

    results = []
    first = threading.Thread(target=lambda: results.append(cache.use("a", hold)))
    first.start()
    assert inside.wait(60)
    second = threading.Thread(target=lambda: results.append(cache.use("b", name_of)))
    second.start()
    gate.set()
    first.join()
    second.join()

    assert results == [["a"], "b"]
    assert cache.use("a", name_of) == "a"
    assert loader.loaded == ["a", "b", "a"]


def test_close_removes_all_items(loader):
    """
    After `close`, which can be called twice, the items are removed and uses raise an error.
    """
    cache = ObjectCache(loader.load, 2, loader.free)
    cache.use("a", name_of)
    cache.use("b", name_of)

    cache.close()
    cache.close()

    assert [living() for living in loader.living] == [None, None]
    assert loader.freed == 2
    with pytest.raises(StreamInterruptedError, match="was closed"):
        cache.use("a", name_of)


def test_error_does_not_keep_an_item_alive(loader):
    """
    A reference to an error and its traceback does not keep the item alive.
    """
    cache = ObjectCache(loader.load, 1, loader.free)

    def fail(item):
        try:
            return {}[item.name]
        except KeyError as error:
            raise ValueError("no") from error

    with pytest.raises(ValueError, match="no") as caught:
        cache.use("a", fail)
    cache.close()

    assert caught.value.__traceback__ is not None
    assert loader.living[0]() is None


def test_failed_load_is_retried(loader):
    """
    After a failed load, the next use loads again.
    """
    failing = [True]

    def load(name):
        if failing:
            failing.clear()
            raise OSError("not now")
        return loader.load(name)

    cache = ObjectCache(load, 1, loader.free)
    with pytest.raises(OSError, match="not now"):
        cache.use("a", name_of)

    assert cache.use("a", name_of) == "a"
