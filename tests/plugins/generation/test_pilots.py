from __future__ import annotations

import pytest

from budwood.errors import ConfigurationError
from budwood_generation import generate, list_runs, make_plan, resume, with_pilot
from budwood_generation.guards import GuardedStrategy
from tests.datasets import conversation_spec, read_rows


def test_a_pilot_has_the_first_rows_of_the_dataset(tmp_path):
    """
    They are in a file of their own, with a run folder of its own, and equal to those of the dataset.
    """
    spec = conversation_spec(tmp_path, rows=20)

    pilot = generate(with_pilot(spec, 4))
    dataset = generate(spec)

    assert pilot.output == tmp_path / "data.pilot.jsonl"
    assert (pilot.complete, pilot.rows) == (True, 4)
    assert read_rows(pilot.output) == read_rows(dataset.output)[:4]
    assert dataset.rows == 20
    assert [run.run_folder.name for run in list_runs(tmp_path)] == ["data.jsonl.run", "data.pilot.jsonl.run"]


def test_a_pilot_can_grow(tmp_path):
    """
    The further rows are the next ones of the dataset.
    """
    spec = conversation_spec(tmp_path, rows=20)
    generate(with_pilot(spec, 2))

    report = generate(with_pilot(spec, 5))

    assert (report.rows, report.rows_reused) == (5, 2)
    assert read_rows(report.output) == read_rows(generate(spec).output)[:5]


def test_a_pilot_that_grows_uses_added_documents(tmp_path):
    """
    Earlier rows stay as they are, and the next ones are about the documents that were added.
    """
    spec = conversation_spec(tmp_path, rows=20)
    first = read_rows(generate(with_pilot(spec, 8)).output)
    (tmp_path / "docs" / "added.md").write_text("# Wells\n\nA well is dug down to the water. Its wall is of stone.\n")

    grown = generate(with_pilot(spec, 10))

    rows = read_rows(grown.output)
    assert (grown.complete, grown.rows_reused, rows[:8]) == (True, 8, first)
    assert "docs/added.md" in [row["source"]["document"] for row in rows[8:]]
    assert resume(grown.run_folder).calls == 0


def test_a_pilot_can_be_resumed(tmp_path):
    """
    Resuming creates no rows beyond the pilot.
    """
    report = generate(with_pilot(conversation_spec(tmp_path, rows=20), 3))

    again = resume(report.run_folder)

    assert (again.rows, again.calls, again.complete) == (3, 0, True)


def test_the_plan_of_a_pilot_counts_its_rows(tmp_path):
    """
    Calls and costs are those of the pilot.
    """
    spec = conversation_spec(tmp_path, job={"turns": 1}, rows=20)

    plan = make_plan(with_pilot(spec, 3))

    assert (len(plan.cells), plan.turns, plan.calls) == (3, 3, 6)


def test_a_pilot_has_the_plan_of_the_dataset(tmp_path, monkeypatch):
    """
    A strategy prepares all rows of the dataset, since a row may depend on their number.
    """
    counts = []
    prepare = GuardedStrategy.prepare

    def record(self, passages, count, seed):
        counts.append(count)
        return prepare(self, passages, count, seed)

    monkeypatch.setattr(GuardedStrategy, "prepare", record)
    make_plan(with_pilot(conversation_spec(tmp_path, rows=20), 3))

    assert set(counts) == {20}


@pytest.mark.parametrize("rows", [0, -1, 21])
def test_a_pilot_is_part_of_the_dataset(tmp_path, rows):
    """
    It has at least one row and no more than the dataset.
    """
    with pytest.raises(ConfigurationError, match="from 1 to 20 rows"):
        with_pilot(conversation_spec(tmp_path, rows=20), rows)
