"""
Measures one run of a dataset generator in a process of its own.

Each file in generators/ has a function ``prepare(case, address, folder)``, which returns a function that creates the
rows and returns their number.

Usage: python -m tests.benchmarks.generation_worker GENERATOR CASE SERVER PATH. It prints the figures as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.processes import read_statistics

SCHEMA: Final = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "city": {"type": "string"}},
    "required": ["name", "age", "city"],
}
"""The schema of a value."""

FORMAT: Final = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
"""The same as the parameter ``response_format``."""


@dataclass(frozen=True)
class Case:
    """
    A measured run: values with one call each, or conversations of up to a number of turns.

    Attributes:
        slots: The most calls at a time.
        mean: The mean latency in seconds.
        rows: The number of rows.
        turns: The most turns of a conversation; 0 for values.
    """

    slots: int
    mean: float
    rows: int
    turns: int = 0

    @property
    def name(self) -> str:
        """
        The name in the table.
        """
        kind = f"conversations of 1 to {self.turns} turns" if self.turns else "values"
        return f"{self.slots:,} slots, {self.mean:g} s, {self.rows:,} {kind}"


def get_prompt(number: int) -> str:
    """
    Return the prompt of a value, the same for all generators.
    """
    return f"Invent a person. Write about topic {number}."


def measure(generator: str, case: Case, server: str, path: str) -> dict[str, float]:
    """
    Create all rows, and return the figures. CPU time and memory include the imports.

    Calls that a generator makes before its run, such as a check of the model, do not count.
    """
    sys.stdout = sys.stderr  # generators print progress
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        create_rows = importlib.import_module(f"tests.benchmarks.generators.{generator}").prepare(
            case, f"{server}{path}/v1", folder
        )
        read_statistics(server)
        rows = create_rows()
        found = read_statistics(server)
    cpu = time.process_time() - started + sum(os.times()[2:4])
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    if rows != case.rows:
        raise AssertionError(f"{rows} rows instead of {case.rows}")
    return {
        "efficiency": found["mean_in_span"] / case.slots,
        "span": found["span"],
        "calls": found["requests"],
        "cpu_ms": cpu / found["requests"] * 1000,
        "rss_mb": rss,
    }


if __name__ == "__main__":
    output = sys.stdout
    generator, case, server, path = sys.argv[1:]
    print(json.dumps(measure(generator, Case(**json.loads(case)), server, path)), file=output)
