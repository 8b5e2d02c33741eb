from __future__ import annotations

import pytest

from budwood_generation import make_plan
from tests.datasets import OFFLINE, conversation_spec, row_spec, table


def seeds(count):
    """
    Return a strategy with seeds.
    """
    return {"strategy": {"plugin": "seed-list", "seeds": [f"Fact {number}" for number in range(count)]}}


def warnings_of(spec):
    """
    Return the warnings of a plan as one text.
    """
    return "\n".join(make_plan(spec).warnings)


def test_rows_that_share_a_passage_are_counted(tmp_path):
    """
    Askers see the questions of earlier rows, unless there are none.
    """
    plan = make_plan(conversation_spec(tmp_path, rows=50, concurrency=4))

    assert plan.shares.rows_per_passage == -(-50 // plan.passages)
    assert plan.shares.rows_per_prompt == 1
    assert plan.warnings == (
        f"up to {plan.shares.rows_per_passage} rows share a passage. Askers see its earlier questions.",
    )
    assert "Askers" not in warnings_of(conversation_spec(tmp_path, rows=50, documents=None, job=seeds(50)))


def test_structured_rows_that_share_a_prompt_are_counted(tmp_path):
    """
    Only the seeds of their requests differ.
    """
    warning = "rows have the same prompt; only the seeds of their requests differ"

    assert warning in warnings_of(row_spec(tmp_path, rows=50))
    assert f"up to 5 {warning}" in warnings_of(row_spec(tmp_path, rows=50, documents=None, job=seeds(10)))
    assert warnings_of(row_spec(tmp_path, rows=50, documents=None, job=seeds(50))) == ""


def test_copies_of_documents_are_noted(tmp_path):
    """
    Their passages have the same text, so the prompts of their rows are the same.
    """
    spec = row_spec(tmp_path, rows=3, documents={"paths": ["docs/tea*"], "passage_chars": 5000})
    (tmp_path / "docs" / "tea copy.md").write_bytes((tmp_path / "docs" / "tea.md").read_bytes())

    assert "up to 2 rows have the same prompt" in warnings_of(spec)
    assert "Passages have the same text: exclude copies." in warnings_of(spec)


def test_conversations_with_the_same_first_question_share_a_prompt(tmp_path):
    """
    Seeds that are used twice are asked twice. Askers that know nothing of each other have the same prompt.
    """
    alone = {"strategy": {"plugin": "persona", "asked": 0}}

    assert make_plan(conversation_spec(tmp_path, rows=9, documents=None, job=seeds(3))).shares.rows_per_prompt == 3
    assert make_plan(conversation_spec(tmp_path, rows=16, documents=None, job=alone)).shares.rows_per_prompt == 2
    assert make_plan(conversation_spec(tmp_path, rows=8, documents=None, job={"strategy": "persona"})).warnings == ()


@pytest.mark.parametrize("rows", [3000, 100_000])
def test_large_plans_are_estimated(tmp_path, rows):
    """
    The number of rows is compared with the number of passages, or with equal prompts in a sample.
    """
    documents = make_plan(row_spec(tmp_path, rows=rows))
    seeded = make_plan(table(rows=rows, documents=None, root=tmp_path, row=ROW | seeds(1000)))

    assert documents.shares.rows_per_passage == documents.shares.rows_per_prompt == -(-rows // documents.passages)
    assert not documents.shares.is_exact
    assert rows / 1000 * 0.7 < seeded.shares.rows_per_prompt < rows / 1000 * 1.4
    assert seeded.warnings[0].startswith("about")


ROW = {"model": OFFLINE, "schema": {"type": "object"}, "instruction": "State a fact."}


def test_fewer_calls_at_a_time_than_slots_are_noted(tmp_path):
    """
    A row waits for the previous one about its passage, so calls are at most as many as passages.
    """
    plan = make_plan(conversation_spec(tmp_path, rows=50, concurrency=16))
    alone = {"strategy": {"plugin": "document-questions", "asked": 0}}

    assert plan.passages < 16
    assert plan.notes_on_speed[0].startswith(
        f"at most {plan.passages} calls run at a time, fewer than concurrency (16), because askers see"
    )
    assert plan.notes_on_speed[0] in plan.warnings
    assert make_plan(conversation_spec(tmp_path, rows=50, concurrency=plan.passages)).notes_on_speed == ()
    assert make_plan(conversation_spec(tmp_path, rows=plan.passages, concurrency=16)).notes_on_speed == ()
    assert make_plan(conversation_spec(tmp_path, rows=50, concurrency=16, job=alone)).notes_on_speed == ()
    assert make_plan(row_spec(tmp_path, rows=50, concurrency=16)).notes_on_speed == ()
