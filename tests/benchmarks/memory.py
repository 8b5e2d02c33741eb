"""Measures whether memory grows: after some calls, and after many."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from tests.benchmarks.measures import Measure
from tests.benchmarks.processes import WorkerProcess
from tests.benchmarks.results import Results
from tests.benchmarks.rounds import record_answer

EARLY: Final = 20_000
LATE: Final = 100_000
LIMIT: Final = 600.0
"""The time limit of the calls, in seconds."""

MEMORY: Final = {
    Measure(
        name="memory-sync", title=f"Memory after {EARLY:,} and after {LATE:,} calls, sync", operation="sync_call"
    ): ("budwood",),
    Measure(
        name="memory-async",
        title=f"Memory after {EARLY:,} and after {LATE:,} calls, async, 32 in flight",
        operation="async_call",
        in_flight=32,
    ): ("budwood", "budwood-httptools", "budwood-aiohttp", "aiohttp"),
}
"""The contenders that make all these calls; others would take an hour."""


def measure_memory(measure: Measure, workers: Sequence[WorkerProcess], results: Results) -> None:
    """
    Make all calls once with each contender. It takes minutes.
    """
    print(measure.title, file=sys.stderr, flush=True)
    results.titles[measure.name] = measure.title
    for worker in workers:
        if worker.contender.name not in MEMORY[measure]:
            continue
        worker.restart()  # memory that earlier measures freed would hide growth
        sizes = []
        for count, keep in ((EARLY, True), (LATE - EARLY, False)):
            command = measure.command() | {"seconds": None, "count": count, "warm_up": 0, "keep": keep}
            found = record_answer(measure, worker, worker.ask(command, limit=LIMIT), results)
            if found is None:
                break
            sizes.append(found["resident_mb"])
        else:
            growth = (sizes[1] / sizes[0] - 1) * 100
            found = {"early_mb": sizes[0], "late_mb": sizes[1], "growth_percent": growth}
            results.add(measure.name, worker.contender.name, found)
