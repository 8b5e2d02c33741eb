"""Run the measures in rounds: each round asks everyone once, and begins with another one."""

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
"""Seconds for one round of one contender: who waits for ever shall not stop the others."""


def rotated(items: Sequence[T], by: int) -> list[T]:
    """
    Begin with another one: what each leaves behind falls on others each time.
    """
    by %= len(items) or 1
    return [*items[by:], *items[:by]]


def grouped(measures: Sequence[Measure]) -> Iterator[list[Measure]]:
    """
    Put together what shares its rounds.
    """
    for _, group in itertools.groupby(measures, key=lambda measure: measure.group or measure.name):
        yield list(group)


def run(
    group: Sequence[Measure], workers: Sequence[WorkerProcess], rounds: int, factor: float, results: Results
) -> None:
    """
    Take the measures of a group of all who can do them. ``factor`` stretches the time of each round.
    """
    results.titles.update({measure.name: measure.title for measure in group})
    for number in range(rounds):
        for measure in group:
            if number >= measure.rounds:
                continue
            print(f"{measure.title}: round {number + 1}", file=sys.stderr, flush=True)
            for worker in rotated(workers, number):
                if not takes_part(worker, measure, number, results):
                    continue
                found = understood(measure, worker, worker.ask(measure.command(factor), LIMIT), results)
                if found is not None:
                    results.add(measure.name, worker.contender.name, found)


def takes_part(worker: WorkerProcess, measure: Measure, number: int, results: Results) -> bool:
    """
    Leave out who could not do it before, and who had enough rounds.
    """
    name = worker.contender.name
    if number >= measure.other_rounds and worker.contender.kind != "budwood" and name != measure.against:
        return False
    return name not in results.missing[measure.name] and name not in results.failures[measure.name]


def understood(
    measure: Measure, worker: WorkerProcess, answer: dict[str, Any], results: Results
) -> dict[str, float] | None:
    """
    Return what was found; where there is nothing, note why.
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
