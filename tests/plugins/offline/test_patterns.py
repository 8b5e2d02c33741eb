from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.schemas.patterns import sample_pattern
from budwood_offline.schemas.resolution import UnsatisfiableError


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{2}-\\d{3}$",
        "(?:a|b)+c?",
        "(?P<year>\\d{4})-(\\d\\d)",
        "^[^a-zA-Z0-9 _-]$",
        "^[\\w.+-]+@[\\w-]+\\.org$",
        "\\u00e9{2,}",
        "[]a]",
        "^\\S\\D\\W$",
        "x*?y+?",
        "[\\]\\-]",
        "^$",
    ],
)
@pytest.mark.parametrize("extra", [0, 1, 5])
def test_a_sample_matches_its_pattern(pattern, extra):
    """
    Literals, classes, groups, alternatives and repetitions are supported.
    """
    assert re.search(pattern, sample_pattern(pattern, extra))


def test_extra_repetitions_lengthen_the_text():
    """
    With `extra` the text has more repetitions, up to the limit of the pattern.
    """
    assert [sample_pattern("a+b{1,2}", extra) for extra in range(3)] == ["ab", "aabb", "aaabb"]


@given(st.text(alphabet="ab[](){}^$|*+?\\dw.-,1 :<P=u"))
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_any_pattern_gives_a_text_or_an_error(pattern):
    """
    An invalid or unsupported pattern is an UnsatisfiableError, never another one.
    """
    try:
        assert isinstance(sample_pattern(pattern, 1), str)
    except UnsatisfiableError:
        return
