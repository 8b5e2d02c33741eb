from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.filling.pattern import UnknownSyntaxError, sample


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{2}-\\d{3}$",
        "(?:a|b)+c?",
        "(?P<year>\\d{4})-(?<month>\\d\\d)".replace("?<", "?P<").replace("PP", "P"),
        "^[^a-zA-Z0-9 _-]$",
        "^[\\w.+-]+@[\\w-]+\\.org$",
        "\\u00e9{2,}",
        "[]a]",
        "^\\S\\D\\W$",
        "a{,3}",
        "x*?y+?",
        "[\\]\\-]",
        "^$",
    ],
)
@pytest.mark.parametrize("extra", [0, 1, 5])
def test_a_sample_matches_its_pattern(pattern, extra):
    """
    Literals, classes, groups, alternatives and repetitions give a text that the pattern matches.
    """
    assert re.search(pattern, sample(pattern, extra))


def test_extra_lengthens_what_may_be_repeated():
    """
    More repetitions make the text longer, up to what the pattern allows.
    """
    assert [sample("a+b{1,2}", extra) for extra in range(3)] == ["ab", "aabb", "aaabb"]


@pytest.mark.parametrize("pattern", ["(?=a)", "(a)\\1", "a)", "(a", "[a", "*", "\\", "\\u12", "(?", "[z-\\d]"])
def test_what_is_not_known_is_refused(pattern):
    """
    Broken patterns, look-around and references are refused by name, never guessed.
    """
    with pytest.raises(UnknownSyntaxError, match=r"pattern|known"):
        sample(pattern)


@given(st.text(alphabet="ab[](){}^$|*+?\\dw.-,1 :<P=u"))
def test_any_pattern_gives_a_text_or_is_refused(pattern):
    """
    No pattern leads to another error.
    """
    try:
        assert isinstance(sample(pattern, 1), str)
    except UnknownSyntaxError:
        return
