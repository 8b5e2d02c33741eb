from __future__ import annotations

import pytest

from budwood_generation.runs.open_rows import OpenRows
from budwood_generation.runs.tasks import RowTask
from tests.simulated_run import SimulatedRow


def task(index: int, after: int | None = None) -> RowTask:
    """Return the task of a row that follows another one."""
    row = SimulatedRow(index, 1, ())
    object.__setattr__(row.cell, "after", after)
    return RowTask(row)


def find_previous(index: int) -> int | None:
    """Return the row before, as if all rows were about one passage."""
    return index - 1 if index else None


def test_a_row_waits_for_the_one_before():
    """
    It starts when that one is closed.
    """
    rows = OpenRows()
    second = task(1, after=0)

    assert rows.add(task(0))
    assert not rows.add(second)
    assert rows.close(0) == [second]


def test_a_row_whose_predecessor_has_ended_starts():
    """
    Rows about other passages do not matter.
    """
    rows = OpenRows()

    assert rows.add(task(2))
    assert rows.add(task(4, after=3))


@pytest.mark.parametrize("is_resumed", [True, False])
def test_a_resumed_row_waits_for_any_open_row_that_it_is_told_of(is_resumed):
    """
    A damaged journal may have lost a row, but not those after it.
    """
    rows = OpenRows(find_previous if is_resumed else None)
    fourth = task(4, after=3)

    assert rows.add(task(1))
    assert rows.add(fourth) is not is_resumed
    assert rows.close(1) == ([fourth] if is_resumed else [])
