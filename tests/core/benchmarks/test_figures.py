import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.figures import Spread, compared, spread
from tests.benchmarks.rounds import rotated

SAMPLES = st.lists(st.floats(0.1, 1e6), min_size=1, max_size=9)


def test_a_spread_is_median_least_and_greatest():
    """
    Of an even number of rounds, the median is the mean of the middle two.
    """
    assert spread([4.0, 1.0, 2.0, 3.0]) == Spread(2.5, 1.0, 4.0)


@given(SAMPLES)
def test_the_median_lies_between_the_extremes(samples):
    """
    Whatever was measured, the least is not above the median, nor the median above the greatest.
    """
    median, low, high = spread(samples)

    assert low <= median <= high


def test_ratios_are_formed_within_rounds():
    """
    What counts is the median of the ratios: the ratio of the medians would be 1 here.
    """
    assert compared([10.0, 30.0, 20.0], [20.0, 15.0, 40.0]) == Spread(0.5, 0.5, 2.0)


def test_differences_are_formed_within_rounds():
    """
    The difference, too, is that of each round.
    """
    assert compared([12.0, 25.0], [10.0, 20.0], "difference") == Spread(3.5, 2.0, 5.0)


def test_rounds_that_only_one_has_are_left_out():
    """
    What one measured more often than the other is compared as often as both did.
    """
    assert compared([2.0, 4.0, 100.0], [1.0, 2.0]) == Spread(2.0, 2.0, 2.0)


def test_without_a_common_round_there_is_no_ratio():
    """
    Nothing is compared with nothing.
    """
    assert compared([1.0], []) is None


@pytest.mark.parametrize(("by", "expected"), [(0, "abc"), (1, "bca"), (2, "cab"), (3, "abc")])
def test_each_round_begins_with_another_one(by, expected):
    """
    Rotating keeps everyone, in the same order, from another beginning.
    """
    assert rotated("abc", by) == list(expected)


def test_nobody_to_rotate_is_no_error():
    """
    An empty round stays empty.
    """
    assert rotated([], 3) == []
