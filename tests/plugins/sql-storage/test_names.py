"""Names of tables and columns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_sql_storage.names import make_name, make_table_name


@pytest.mark.parametrize("name", ["question", "select", "Fläche in m²", 'a "b"', "n.d", "100%", ":name", " "])
def test_names_that_databases_accept_stay(name):
    """
    Reserved words, spaces, quotes and signs stay: statements quote names.
    """
    assert make_name(name, set()) == name


@given(st.lists(st.text(max_size=100), max_size=8))
def test_names_are_short_and_differ_by_more_than_case(wanted):
    """
    Names have 1 to 63 bytes without NUL, and no two of them are equal without regard to case.
    """
    taken = set()
    for name in wanted:
        made = make_name(name, taken)
        assert 0 < len(made.encode()) <= 63
        assert "\0" not in made
        assert made.casefold() not in taken
        taken.add(made.casefold())


def test_long_names_with_the_same_beginning_differ_by_their_hash():
    """
    The name of a long field does not depend on other fields.
    """
    one, other = make_name("x" * 80 + "a", set()), make_name("x" * 80 + "b", set())

    assert one != other
    assert one == make_name("x" * 80 + "a", {other})


@pytest.mark.parametrize(
    ("dataset", "table"),
    [
        ("reviews", "reviews"),
        ("My data-set (2)", "my_data_set_2"),
        ("größe", "größe"),
        ("", "dataset"),
        ("...", "dataset"),
        ("sqlite_rows", "dataset_sqlite_rows"),
        ("Budwood datasets", "dataset_budwood_datasets"),
    ],
)
def test_tables_have_names_that_need_no_quotes(dataset, table):
    """
    The name of a table is that of the dataset in lower case, with underscores. Names of other tables get a prefix.
    """
    assert make_table_name(dataset) == table
