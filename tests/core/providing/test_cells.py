from __future__ import annotations

import tracemalloc
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.providing import ListedCells, ShuffledCycle
from budwood.types import CellDraft, SourcePassage
from budwood_testing import ListedPassages


@given(st.integers(1, 20), st.integers(0, 100), st.integers())
def test_items_are_used_equally_often(size, count, seed):
    """
    The seed determines the order.
    """
    cycle = ShuffledCycle(size, seed)
    items = [cycle[number] for number in range(count)]

    counts = Counter(items)
    assert max(counts.values(), default=0) - min(counts[item] for item in range(size)) <= 1
    assert items == [ShuffledCycle(size, seed)[number] for number in range(count)]


def test_without_items_the_cycle_is_empty():
    """
    It does not loop.
    """
    with pytest.raises(IndexError):
        ShuffledCycle(0, 1)[0]


@given(st.integers(1, 50), st.integers(0, 20), st.integers())
def test_each_round_uses_all_items(size, turn, seed):
    """
    The items of one round are a permutation.
    """
    cycle = ShuffledCycle(size, seed)

    assert {cycle[turn * size + place] for place in range(size)} == set(range(size))


def test_rounds_seeds_and_purposes_have_different_orders():
    """
    Two cycles of one strategy with the same seed are independent.
    """
    numbers = range(100)
    orders = [
        [ShuffledCycle(100, 1)[number] for number in numbers],
        [ShuffledCycle(100, 1)[number + 100] for number in numbers],
        [ShuffledCycle(100, 2)[number] for number in numbers],
        [ShuffledCycle(100, 1, "persona")[number] for number in numbers],
    ]

    assert len({tuple(order) for order in orders}) == 4
    assert list(numbers) not in orders


def test_the_order_is_fixed():
    """
    Other releases give the same order, or runs could not be resumed.
    """
    assert [ShuffledCycle(10, 7, "passage")[number] for number in range(12)] == [8, 5, 3, 7, 4, 9, 6, 2, 1, 0, 8, 2]


def test_negative_numbers_are_an_error():
    """
    They do not count from the end.
    """
    with pytest.raises(IndexError):
        ShuffledCycle(3, 1)[-1]


@given(st.integers(1, 40), st.integers(0, 200), st.integers())
def test_the_previous_use_of_an_item_is_found(size, number, seed):
    """
    It is the nearest earlier number with the same item; the first round has none.
    """
    cycle = ShuffledCycle(size, seed)
    earlier = [other for other in range(number) if cycle[other] == cycle[number]]

    assert cycle.find_previous(number) == (max(earlier) if earlier else None)


def test_a_cycle_of_many_items_needs_little_memory():
    """
    The order is not stored.
    """
    tracemalloc.start()
    cycle = ShuffledCycle(10**9, 1)
    found = {cycle[number] for number in range(0, 10**9, 10**8)}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(found) == 10
    assert peak < 100_000


def make_listed(count):
    """
    Return cells that list a draft for each passage.
    """
    passages = [SourcePassage(id=name, document="a.md", headings=(), text=name) for name in "abc"]
    return ListedCells(
        lambda listed, count, random: (
            CellDraft(passage=one, material={"luck": random.random(), "count": count}) for one in listed
        ),
        ListedPassages(passages),
        count,
        seed=1,
    )


def test_drafts_are_listed_once():
    """
    The list is made with all passages and a random generator for the seed. At most `count` drafts are kept.
    """
    cells = make_listed(2)

    assert len(cells) == 2
    assert [cells.cell(number, Random(9)).passage.id for number in (1, 0, 1)] == ["b", "a", "b"]
    assert cells.cell(0, Random(9)).material == {"luck": Random(1).random(), "count": 2}


def test_the_length_is_the_number_of_drafts():
    """
    A strategy may have fewer drafts than rows. Other numbers have no cell, also negative ones.
    """
    cells = make_listed(5)

    assert len(cells) == 3
    for number in (3, -1):
        with pytest.raises(IndexError):
            cells.cell(number, Random(1))
