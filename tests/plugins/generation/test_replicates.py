"""Rows about the same passage: what their askers are told."""

from __future__ import annotations

import pytest

from budwood.types import Cell, Turn
from budwood_generation import generate, make_plan, resume
from budwood_generation.replicates import AskedQuestions, count_asked
from budwood_generation.runs.open_rows import OpenRows
from budwood_generation.strategies.seeds import MAX_ASKED
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec, read_rows

HEADING = "Questions of other users about the same subject:\n"


def spec_of(folder, *, rows=20, **changes):
    """
    Return a specification of conversations with one or two turns, about few passages.
    """
    job = {"answerer": "local/tiny", "turns": (1, 2), **changes.pop("job", {})}
    return conversation_spec(folder, rows=rows, job=job, **changes)


def told_in(server):
    """
    Return the questions that the asker was told, by request.
    """
    texts = [body["messages"][-1]["content"] for body in server.requests]
    lists = [text.partition(HEADING)[2].partition("\n\n")[0] for text in texts if HEADING in text]
    return [[line.removeprefix("- ") for line in one.split("\n")] for one in lists]


def test_an_asker_is_told_what_was_asked_of_the_passage(tmp_path):
    """
    It knows the questions of all earlier rows about the passage, and of no others.
    """
    with ChatServer() as server:
        report = generate(spec_of(tmp_path), settings=server.settings)
        rows = read_rows(report.output)

        questions = {}
        for row in rows:
            asked = [message["content"] for message in row["messages"] if message["role"] == "user"]
            questions.setdefault(row["source"]["passage"], []).extend(asked)
        told = told_in(server)

    assert len(questions) < len(rows)
    assert told
    for one in told:
        assert any(one == known[: len(one)] for known in questions.values())
    assert max(map(len, told)) >= 2


@pytest.mark.parametrize("faults", [False, True], ids=["without faults", "with faults"])
def test_the_order_of_completion_does_not_matter(tmp_path, faults):
    """
    The same rows are created with any number of slots, also if calls fail and are sent again.
    """

    def fail(number, _body):
        return (lambda handler: handler.send_error(503)) if faults and number % 7 == 3 else None

    outputs = []
    for slots in (1, 3, 50):
        with ChatServer(fault=fail if slots == 3 else None) as server:
            spec = spec_of(tmp_path / str(slots), concurrency=slots)
            outputs.append(generate(spec, settings=server.settings).output.read_bytes())

    assert outputs[0] == outputs[1] == outputs[2]


def test_a_run_that_is_interrupted_tells_the_same(tmp_path):
    """
    A run that stops at a fatal error and is resumed has the rows of one that was not interrupted.
    """

    def reject(number, _body):
        return (lambda handler: handler.send_error(401)) if number == 17 else None

    with ChatServer() as server:
        expected = generate(spec_of(tmp_path / "a"), settings=server.settings).output.read_bytes()
    spec = spec_of(tmp_path / "b", concurrency=3)
    with ChatServer(fault=reject) as server, pytest.raises(Exception, match="401"):
        generate(spec, settings=server.settings)
    with ChatServer() as server:
        report = resume(spec.run_folder, settings=server.settings)

    assert report.rows_reused > 0
    assert report.output.read_bytes() == expected


def test_added_rows_know_the_earlier_ones(tmp_path):
    """
    A run to which rows are added tells their askers the same as one that had them from the start.
    """
    with ChatServer() as server:
        expected = generate(spec_of(tmp_path / "a"), settings=server.settings).output.read_bytes()
        generate(spec_of(tmp_path / "b", rows=9), settings=server.settings)
        report = generate(spec_of(tmp_path / "b"), settings=server.settings)

    assert report.rows_reused == 9
    assert report.output.read_bytes() == expected


def test_a_failed_row_does_not_hold_up_the_others(tmp_path):
    """
    The next row about its passage is created without its questions.
    """
    spec = spec_of(tmp_path, concurrency=2)
    seen = []

    def say(body):
        text = body["messages"][-1]["content"]
        seen.extend([text] if cells[0].passage.text in text else [])
        return "" if text in seen[:1] and len(seen) <= spec.attempts else f"What is {len(seen)}?"

    with ChatServer(say) as server:
        cells = make_plan(spec, settings=server.settings).cells
        report = generate(spec, settings=server.settings)

    assert [failure.index for failure in report.failures] == [0]
    assert report.rows == 19
    assert any(cell.after == 0 for cell in cells)
    assert HEADING not in seen[spec.attempts]


def test_without_asked_rows_do_not_wait(tmp_path):
    """
    The setting turns it off.
    """
    job = {"strategy": {"plugin": "document-questions", "asked": 0}}
    with ChatServer() as server:
        spec = spec_of(tmp_path, job=job)
        generate(spec, settings=server.settings)

        assert told_in(server) == []
    assert {cell.after for cell in make_plan(spec, settings=server.settings).cells} == {None}


def test_the_number_of_questions_is_limited(tmp_path):
    """
    The latest ones are told, the oldest first. The estimate expects as many.
    """
    plan = make_plan(spec_of(tmp_path, rows=400, job={"answerer": "offline/extractive", "turns": 1}))
    last = plan.cells[399]
    earlier = [cell.index for cell in plan.cells if cell.passage == last.passage][:-1]

    class FakeTurn:
        def __init__(self, index):
            self.question = str(index)

    asked = AskedQuestions(plan.cells, lambda index: [FakeTurn(index)]).find(last)

    assert asked == tuple(map(str, earlier[-MAX_ASKED:]))
    assert count_asked(plan.cells, last) == len(asked) == MAX_ASKED
    assert count_asked(plan.cells, plan.cells[0]) == 0


def test_questions_are_not_read_twice(tmp_path):
    """
    What a row was told is kept for the next one about its passage, and gives the same as the journal.
    """
    plan = make_plan(spec_of(tmp_path, rows=100, job={"answerer": "offline/extractive", "turns": 1}))
    read = []

    def turns_of(index):
        read.append(index)
        return [Turn(question=f"{index}?", answer="Yes."), Turn(question=f"And {index}?", answer="No.")]

    asked = AskedQuestions(plan.cells, turns_of)
    for cell in plan.cells:
        assert asked.find(cell) == AskedQuestions(plan.cells, turns_of).find(cell)
    read.clear()
    for cell in plan.cells:
        AskedQuestions.find(asked, cell)

    assert len(read) <= len(plan.cells)


class Task:
    """
    An open row that may wait for another.
    """

    def __init__(self, index, after=None):
        self.index = index
        self.row = self
        self.cell = Cell(id=str(index), index=index, turns=1, after=after)


def test_a_row_waits_for_an_open_row_only():
    """
    It does not wait for one that has ended, and several may wait for one another in turn.
    """
    rows = OpenRows()
    first, second, third = Task(0), Task(5, after=0), Task(9, after=5)

    assert [rows.add(task) for task in (first, second, third)] == [True, False, False]
    assert rows.close(0) == [second]
    assert rows.close(5) == [third]
    assert rows.close(9) == []
    assert len(rows) == 0
    assert rows.add(Task(12, after=9))
