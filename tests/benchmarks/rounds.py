"""Runs the measures in rounds: each round measures every contender once, in rotated order."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from tests.benchmarks.measures import Measure
from tests.benchmarks.processes import WorkerProcess
from tests.benchmarks.results import Results

T = TypeVar("T")

LIMIT = 120.0
"""The time limit of a contender's round, in seconds."""


def rotate(items: Sequence[T], by: int) -> list[T]:
    """
    Rotate the order, so that a contender's effects on the next one vary.
    """
    by %= len(items) or 1
    return [*items[by:], *items[:by]]


def group_measures(measures: Sequence[Measure]) -> Iterator[list[Measure]]:
    """
    Group the measures that share their rounds.
    """
    for _, group in itertools.groupby(measures, key=lambda measure: measure.group or measure.name):
        yield list(group)


def run_group(
    group: Sequence[Measure], workers: Sequence[WorkerProcess], rounds: int, factor: float, results: Results
) -> None:
    """
    Run the measures of a group with all contenders that support them. ``factor`` scales the duration of a round.
    """
    results.titles.update({measure.name: measure.title for measure in group})
    for number in range(rounds):
        for measure in group:
            if number >= measure.rounds:
                continue
            print(f"{measure.title}: round {number + 1}", file=sys.stderr, flush=True)
            for worker in rotate(workers, number):
                if not takes_part(worker, measure, number, results):
                    continue
                found = record_answer(measure, worker, worker.ask(measure.command(factor), LIMIT), results)
                if found is not None:
                    results.add(measure.name, worker.contender.name, found)


def takes_part(worker: WorkerProcess, measure: Measure, number: int, results: Results) -> bool:
    """
    Return whether a contender supports the measure and needs more rounds.
    """
    name = worker.contender.name
    if number >= measure.other_rounds and worker.contender.kind != "budwood" and name != measure.against:
        return False
    return name not in results.missing[measure.name] and name not in results.failures[measure.name]


def record_answer(
    measure: Measure, worker: WorkerProcess, answer: dict[str, Any], results: Results
) -> dict[str, float] | None:
    """
    Return the result of an answer; without one, record the reason.
    """
    name = worker.contender.name
    if "unavailable" in answer:
        results.missing[measure.name][name] = answer["unavailable"]
        return None
    if "failed" in answer:
        print(f"{name} failed:\n{answer['failed']}", file=sys.stderr, flush=True)
        results.failures[measure.name][name] = answer["failed"].strip().splitlines()[-1]
        return None
    return answer
