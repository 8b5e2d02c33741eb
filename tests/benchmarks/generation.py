"""
The efficiency of dataset generation: the share of its slots that are in use, against the client alone.

The server answers both with the same sequence of latencies. Conversations are also compared with an ideal scheduler,
which a simulation computes from the same latencies.

Usage: python -m tests.benchmarks.generation [--quick]. It prints a table, and fails if a goal is missed.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.environments import ROOT
from tests.benchmarks.processes import create_process_environment, pin_to_core, read_statistics, run_server
from tests.simulated_run import ideal_seconds

SIGMA: Final = 0.5
EFFICIENCY: Final = 0.98
CPU_MS: Final = 1.3
RSS_MB: Final = 80.0
LARGE_ROWS: Final = 10_000

SCHEMA: Final = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "city": {"type": "string"}},
    "required": ["name", "age", "city"],
}


@dataclass(frozen=True)
class Case:
    """
    A measured run: values with one call each, or conversations of up to a number of turns.
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
        return f"{self.slots} slots, {self.mean:g} s, {self.rows} {kind}"


CASES: Final = (
    Case(16, 1.0, 400),
    Case(64, 1.0, 1600),
    Case(256, 1.0, LARGE_ROWS),
    Case(1024, 4.0, 10 * 1024),
    Case(64, 1.0, 400, turns=4),
)
QUICK: Final = (Case(16, 0.2, 400), Case(16, 0.2, 100, turns=4))


def create_spec(case: Case, folder: str) -> dict[str, Any]:
    """
    Return the specification of a run.
    """
    common = {"rows": case.rows, "concurrency": case.slots, "output": "rows.jsonl", "root": folder}
    strategy = {"plugin": "seed-list", "seeds": [f"Write about topic {number}." for number in range(case.rows)]}
    if case.turns:
        return common | {"conversation": {"answerer": "local/bench", "turns": [1, case.turns], "strategy": strategy}}
    row = {"model": "local/bench", "schema": SCHEMA, "instruction": "Invent a person.", "strategy": strategy}
    return common | {"row": row}


def create_settings(address: str) -> dict[str, Any]:
    """
    Return the settings for a path of the server.
    """
    return {"providers": {"local": {"plugin": "openai-compatible", "base_url": f"{address}/v1"}}}


def work(mode: str, case: Case, base: str, path: str) -> dict[str, float]:
    """
    Send all calls in this process, and return what they took.
    """
    read_statistics(base)
    started = time.process_time()
    calls = {"client": send_with_client, "run": generate_rows}[mode](case, base + path)
    cpu = time.process_time() - started
    found = read_statistics(base)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    if found["requests"] != calls:
        raise AssertionError(f"{calls} calls were counted, but {found['requests']} requests were sent")
    return {
        "efficiency": found["mean_in_span"] / case.slots,
        "span": found["span"],
        "calls": calls,
        "cpu_ms": cpu / calls * 1000,
        "rss_mb": rss,
    }


def generate_rows(case: Case, address: str) -> int:
    """
    Create a dataset, and return the number of calls.
    """
    from budwood_generation import generate

    with tempfile.TemporaryDirectory() as folder:
        report = generate(create_spec(case, folder), settings=create_settings(address))
    if not report.complete:
        raise AssertionError(report.failures)
    return report.calls


def send_with_client(case: Case, address: str) -> int:
    """
    Send as many independent calls with the client alone, and return their number.
    """
    from budwood import AsyncClient

    numbers = iter(range(case.rows))

    async def send_all() -> None:
        async with AsyncClient("local/bench", settings=create_settings(address)) as client:

            async def send(numbers: Iterator[int]) -> None:
                for number in numbers:
                    await client.ask(f"Invent a person. Write about topic {number}.", schema=SCHEMA)

            await asyncio.gather(*(send(numbers) for _ in range(case.slots)))

    asyncio.run(send_all())
    return case.rows


def measure(mode: str, case: Case, base: str, path: str) -> dict[str, float]:
    """
    Run a mode in a process of its own.
    """
    arguments = [mode, json.dumps(vars(case)), base, path]
    with tempfile.TemporaryDirectory() as home, pin_to_core(0):
        result = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.generation", "--work", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=ROOT,
            env=create_process_environment(home, {}),
        )
    found: dict[str, float] = json.loads(result.stdout)
    return found


def create_latency(mean: float) -> Callable[[], float]:
    """
    Return the latencies of the server.
    """
    chance, location = random.Random(1), math.log(mean) - SIGMA**2 / 2
    return lambda: chance.lognormvariate(location, SIGMA)


def count_turns(case: Case) -> list[int]:
    """
    Return the number of turns of each row.
    """
    from budwood_generation import make_plan

    with tempfile.TemporaryDirectory() as folder:
        plan = make_plan(create_spec(case, folder), settings=create_settings("http://127.0.0.1:9"))
        return [cell.turns for cell in plan.cells]


def compare(case: Case, base: str) -> list[str]:
    """
    Measure a case, print its figures, and return the goals that it misses.
    """
    run = measure("run", case, base, f"/lognormal-{case.mean * 1000:.1f}-{SIGMA}")
    of_client = ""
    if case.turns:
        ideal = ideal_seconds(count_turns(case), case.slots, create_latency(case.mean), calls_of_first_turn=1)
        ratio = ideal / run["span"]
    else:
        client = measure("client", case, base, f"/lognormal-{case.mean * 1000:.2f}-{SIGMA}")
        of_client = f" {client['cpu_ms']:>6.2f}"
        ratio = run["efficiency"] / client["efficiency"]
    print(
        f"{case.name:<50} {run['efficiency']:>6.3f} {ratio:>6.3f} {run['cpu_ms']:>6.2f} {run['rss_mb']:>6.1f}"
        f"{of_client}",
        flush=True,
    )
    missed = [f"{case.name}: efficiency {ratio:.3f}"] if ratio < EFFICIENCY else []
    if case.rows == LARGE_ROWS:  # in others, the imports are a large part
        missed += [f"{case.name}: {run['cpu_ms']:.2f} ms of CPU per call"] if run["cpu_ms"] > CPU_MS else []
        missed += [f"{case.name}: {run['rss_mb']:.0f} MB"] if run["rss_mb"] > RSS_MB else []
    return missed


def main(arguments: list[str]) -> int:
    """
    Measure all cases, and return the exit status.
    """
    if arguments[:1] == ["--work"]:
        mode, case, base, path = arguments[1:]
        print(json.dumps(work(mode, Case(**json.loads(case)), base, path)))
        return 0
    print(f"{'case':<50} {'in use':>6} {'ratio':>6} {'ms':>6} {'MB':>6} {'client':>6}")
    with run_server() as base:
        missed = [goal for case in (QUICK if "--quick" in arguments else CASES) for goal in compare(case, base)]
    for goal in missed:
        print(f"missed: {goal}")
    return bool(missed)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(ROOT)))
    raise SystemExit(main(sys.argv[1:]))
