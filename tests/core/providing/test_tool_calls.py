"""Tool calls without ids get generated ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.providing import fit_call_id, make_call_id

CALL = ("chatcmpl-1", 0, "weather", '{"city": "Oslo"}')


@pytest.mark.parametrize(("place", "value"), [(0, "chatcmpl-2"), (0, None), (1, 1), (2, "time"), (3, "{}")])
def test_another_call_has_another_id(place, value):
    """
    Reply, position, name and arguments determine the id.
    """
    other = [*CALL]
    other[place] = value

    assert make_call_id(*CALL) == make_call_id(*CALL) != make_call_id(*other)


def test_equal_calls_of_two_replies_without_ids_have_two_ids():
    """
    Replies without ids are distinguished by the number of calls before them.
    """
    assert (
        make_call_id(None, *CALL[1:], earlier=1)
        != make_call_id(None, *CALL[1:])
        == make_call_id("", *CALL[1:], earlier=0)
    )
    assert make_call_id(*CALL, earlier=1) == make_call_id(*CALL)


@given(st.text(), st.text(st.characters()))
def test_any_text_makes_a_valid_id(name, arguments):
    """
    An id is short and has only letters, digits and _.
    """
    new_id = make_call_id(None, 0, name, arguments)

    assert len(new_id) <= 40
    assert new_id.replace("_", "").isalnum()
    assert new_id.isascii()


@given(st.text(max_size=60))
def test_id_has_the_length_of_the_vendor(call_id):
    """
    A vendor with ids of nine letters and digits gets such an id, always the same, and its own ids unchanged.
    """
    short_id = fit_call_id(call_id, length=9)

    assert len(short_id) == 9
    assert short_id.isascii()
    assert short_id.isalnum()
    assert fit_call_id(call_id, length=9) == short_id == fit_call_id(short_id, length=9)


def test_id_that_is_too_long_is_replaced():
    """
    Only an id above the maximum length is replaced.
    """
    assert fit_call_id("x" * 40, max_length=40) == "x" * 40
    assert len(fit_call_id("x" * 41, max_length=40)) <= 40
