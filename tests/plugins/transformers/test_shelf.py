from __future__ import annotations

import threading
import weakref

import pytest

from budwood.errors import StreamInterruptedError
from budwood_transformers.shelf import Shelf


class Thing:
    """What is kept."""

    def __init__(self, name: str) -> None:
        self.name = name


class Maker:
    """Makes things, and remembers their names and whether they live."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.living: list[weakref.ref[Thing]] = []
        self.freed = 0

    def make(self, name):
        self.made.append(name)
        thing = Thing(name)
        self.living.append(weakref.ref(thing))
        return thing

    def free(self):
        self.freed += 1


@pytest.fixture
def maker():
    """
    Makes what the shelf keeps.
    """
    return Maker()


def name_of(thing):
    """Use a thing."""
    return thing.name


def test_thing_is_made_once(maker):
    """
    Who comes later gets what is there.
    """
    shelf = Shelf(maker.make, 1, maker.free)

    assert [shelf.use("a", name_of) for _ in range(3)] == ["a", "a", "a"]
    assert maker.made == ["a"]


def test_many_threads_make_a_thing_once_and_use_it_one_after_the_other(maker):
    """
    All wait for the first, and never are two at it.
    """
    shelf = Shelf(maker.make, 1, maker.free)
    inside: list[int] = []
    most = []
    start = threading.Barrier(8)

    def work(thing):
        inside.append(1)
        most.append(len(inside))
        inside.pop()

    def run():
        start.wait()
        for _ in range(20):
            shelf.use("a", work)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert maker.made == ["a"]
    assert set(most) == {1}


def test_what_was_used_longest_ago_makes_room(maker):
    """
    Never are more kept than the limit, and a use counts as much as the making.
    """
    shelf = Shelf(maker.make, 2, maker.free)

    for name in ("a", "b", "a", "c", "a", "b"):
        shelf.use(name, name_of)

    assert maker.made == ["a", "b", "c", "b"]
    assert [living() is not None for living in maker.living] == [True, False, False, True]


def test_thing_in_use_makes_room_when_its_user_is_done(maker):
    """
    Another thing waits for its place; then who wants the first again gets a new one.
    """
    shelf = Shelf(maker.make, 1, maker.free)
    inside, gate = threading.Event(), threading.Event()

    def hold(thing):
        inside.set()
        assert gate.wait(60)
        return list(maker.made)

    seen = []
    first = threading.Thread(target=lambda: seen.append(shelf.use("a", hold)))
    first.start()
    assert inside.wait(60)
    second = threading.Thread(target=lambda: seen.append(shelf.use("b", name_of)))
    second.start()
    gate.set()
    first.join()
    second.join()

    assert seen == [["a"], "b"]
    assert shelf.use("a", name_of) == "a"
    assert maker.made == ["a", "b", "a"]


def test_close_lets_everything_go_and_refuses_more(maker):
    """
    A second close changes nothing.
    """
    shelf = Shelf(maker.make, 2, maker.free)
    shelf.use("a", name_of)
    shelf.use("b", name_of)

    shelf.close()
    shelf.close()

    assert [living() for living in maker.living] == [None, None]
    assert maker.freed == 2
    with pytest.raises(StreamInterruptedError, match="was closed"):
        shelf.use("a", name_of)


def test_error_keeps_nothing_alive(maker):
    """
    Whoever holds on to an error, with its traceback, holds no thing by it.
    """
    shelf = Shelf(maker.make, 1, maker.free)

    def fail(thing):
        try:
            return {}[thing.name]
        except KeyError as error:
            raise ValueError("no") from error

    with pytest.raises(ValueError, match="no") as caught:
        shelf.use("a", fail)
    shelf.close()

    assert caught.value.__traceback__ is not None
    assert maker.living[0]() is None


def test_failed_making_is_tried_again(maker):
    """
    What could not be made once may be made later.
    """
    failing = [True]

    def make(name):
        if failing:
            failing.clear()
            raise OSError("not now")
        return maker.make(name)

    shelf = Shelf(make, 1, maker.free)
    with pytest.raises(OSError, match="not now"):
        shelf.use("a", name_of)

    assert shelf.use("a", name_of) == "a"
