from __future__ import annotations

from dataclasses import dataclass
from random import Random

from budwood.errors import ConnectionFailedError
from budwood_generation.runs.gate import Gate
from budwood_generation.runs.scheduler import Scheduler


@dataclass(eq=False)
class Row:
    """A row with a next call of a model."""

    index: int
    calls_left: int = 1
    is_started: bool = False
    model: str = "a"


def make_scheduler(*models, slots=8, prepare=lambda _task: True):
    """Return a scheduler with open gates."""
    return Scheduler({model: Gate(slots, 900.0, 0.0, Random(1)) for model in models or ("a",)}, prepare)


def close_gate(scheduler, model, now=0.0):
    """Let calls of a model fail until its gate pauses."""
    gate = scheduler._gates[model]
    while gate.pause is None:
        gate.fail(gate.enter(now), ConnectionFailedError("refused"), now)


def take_all(scheduler, now=0.0):
    """Take calls until there are none, and return the indexes of their rows."""
    return [task.index for task in iter(lambda: scheduler.take(now), None)]


def test_long_rows_come_first():
    """
    Rows with the most calls left determine when the run ends. Equal ones come by index.
    """
    scheduler = make_scheduler()
    for row in (Row(0, 2), Row(1, 6), Row(2, 4), Row(3, 6)):
        scheduler.open(row)

    assert take_all(scheduler) == [1, 3, 2, 0]


def test_started_rows_come_before_new_ones():
    """
    However long the new ones are, so that few rows are open at a time.
    """
    scheduler = make_scheduler()
    scheduler.open(Row(0, 10))
    scheduler.add(Row(1, 1, is_started=True))
    scheduler.add(Row(2, 3, is_started=True))

    assert take_all(scheduler) == [2, 1, 0]


def test_a_delayed_row_is_not_taken_before_its_time():
    """
    Then it is taken in its place.
    """
    scheduler = make_scheduler()
    scheduler.delay(Row(0, 5), until=3.0)
    scheduler.open(Row(1, 1))
    assert scheduler.next_time() == 3.0

    assert take_all(scheduler, 2.0) == [1]
    scheduler.open(Row(2, 1))
    assert take_all(scheduler, 3.0) == [0, 2]
    assert scheduler.next_time() is None


def test_rows_of_a_closed_gate_do_not_block_others():
    """
    While the endpoint of one model is down, calls of the other are sent.
    """
    scheduler = make_scheduler("a", "b")
    close_gate(scheduler, "a")
    for row in (Row(0, 9), Row(1, 8), Row(2, 7, model="b")):
        scheduler.open(row)

    assert take_all(scheduler) == [2]
    assert scheduler.next_time() == scheduler._gates["a"].pause.until
    probe = scheduler.take(scheduler.next_time())
    assert probe.index == 0


def test_first_calls_are_prepared_late():
    """
    Prompts take memory, so they are made when a slot is free and the gate open.
    """
    prepared = []
    scheduler = make_scheduler(prepare=lambda task: prepared.append(task.index) or True)
    for index in range(4):
        scheduler.open(Row(index))
    assert prepared == []

    scheduler.take(0.0)
    assert prepared == [0]
    close_gate(scheduler, "a")
    assert scheduler.take(0.0) is None
    assert prepared == [0]


def test_a_row_without_a_call_is_passed_over():
    """
    Its strategy may have returned nothing, or its calls are all in the journal.
    """
    scheduler = make_scheduler(prepare=lambda task: task.index != 0)
    scheduler.open(Row(0))
    scheduler.open(Row(1))

    assert take_all(scheduler) == [1]
