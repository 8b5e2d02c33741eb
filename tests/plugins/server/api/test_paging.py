"""Pages of lists, and their cursors."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_server.api.paging import Page, Paging
from budwood_server.web.problems import ProblemError


def encode(value):
    """
    Return a cursor that a client made up.
    """
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@given(st.integers(0, 30), st.integers(1, 10))
def test_pages_have_each_item_once(count, limit):
    """
    The cursor of a page leads to the next one, and the last page has none.
    """
    rows, seen, cursor = list(range(count)), [], None
    for _ in range(count + 1):
        paging = Paging(cursor, limit)
        after = paging.after(int)
        found = [row for row in rows if after is None or row > after[0]][: paging.fetch]
        page = Page[int].of(found, paging, lambda row: row, lambda row: (row,))
        assert len(page.items) <= limit
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == rows


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "ä", "%%%", "W10", encode({}), encode([]), encode(["a"]), encode([True, "a"]), encode([1.5])),
        *(encode(["a", 1]), encode([2**63, "a"]), encode([1, "\0"]), encode([1, "\ud800"]), encode([1, "a", 2])),
        *(encode([float("nan"), "a"]), encode([None, "a"])),
    ],
)
def test_a_wrong_cursor_is_the_fault_of_the_client(cursor):
    """
    Also one with values that a database would not accept.
    """
    for types in ((int, str), (float, str)):
        with pytest.raises(ProblemError) as error:
            Paging(cursor, 10).after(*types)

        assert (error.value.problem.status, error.value.problem.code) == (400, "invalid_cursor")


@given(st.text(max_size=30))
def test_any_text_is_a_cursor_or_refused(cursor):
    """
    Nothing else is raised.
    """
    try:
        after = Paging(cursor, 10).after(str)
    except ProblemError:
        return
    assert isinstance(after[0], str)
