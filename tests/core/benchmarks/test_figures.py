import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.figures import Spread, compare_samples, compute_spread
from tests.benchmarks.rounds import rotate

SAMPLES = st.lists(st.floats(0.1, 1e6), min_size=1, max_size=9)


def test_spread_has_median_minimum_and_maximum():
    """
    The median of an even number of rounds is the mean of the middle two.
    """
    assert compute_spread([4.0, 1.0, 2.0, 3.0]) == Spread(2.5, 1.0, 4.0)


@given(SAMPLES)
def test_median_is_between_minimum_and_maximum(samples):
    """
    For any samples, minimum ≤ median ≤ maximum.
    """
    median, low, high = compute_spread(samples)

    assert low <= median <= high


def test_ratios_are_computed_within_rounds():
    """
    The result is the median of the ratios; the ratio of the medians would be 1 here.
    """
    assert compare_samples([10.0, 30.0, 20.0], [20.0, 15.0, 40.0]) == Spread(0.5, 0.5, 2.0)


def test_differences_are_computed_within_rounds():
    """
    Differences are computed per round too.
    """
    assert compare_samples([12.0, 25.0], [10.0, 20.0], "difference") == Spread(3.5, 2.0, 5.0)


def test_unpaired_rounds_are_ignored():
    """
    Only as many rounds are compared as both have.
    """
    assert compare_samples([2.0, 4.0, 100.0], [1.0, 2.0]) == Spread(2.0, 2.0, 2.0)


def test_no_common_round_gives_no_ratio():
    """
    Without common rounds the result is None.
    """
    assert compare_samples([1.0], []) is None


@pytest.mark.parametrize(("by", "expected"), [(0, "abc"), (1, "bca"), (2, "cab"), (3, "abc")])
def test_rotation_keeps_the_order(by, expected):
    """
    Rotation keeps all items in the same cyclic order.
    """
    assert rotate("abc", by) == list(expected)


def test_empty_list_can_be_rotated():
    """
    Rotating an empty list gives an empty list.
    """
    assert rotate([], 3) == []
