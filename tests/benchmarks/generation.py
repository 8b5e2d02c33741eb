"""
Measure the efficiency of dataset generation: the share of its slots that are in use.

Runs are compared with Budwood's client alone, which gets the same sequence of latencies from the same server.
Conversations are compared with an ideal scheduler, which a simulation computes from the same latencies. Some cases are
compared with a bare client and with other frameworks too, each in its own environment.

Without options everything is measured, in about eight minutes, and docs/benchmarks/generation.md is rewritten. A missed
target fails the run.

Usage: python -m tests.benchmarks.generation [--quick] [--peers]
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.benchmarks.environments import ROOT, prepare_environment
from tests.benchmarks.generation_page import LARGE_ROWS, Peer, Result, Target, check_targets, format_tables, write_page
from tests.benchmarks.generation_starts import QUICK_ROWS, ROWS, measure_starts
from tests.benchmarks.generation_worker import Case
from tests.benchmarks.generators.budwood_run import create_settings, create_spec
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.processes import create_process_environment, find_python, pin_to_core, run_server
from tests.benchmarks.roster import Contender, select_contenders
from tests.simulated_run import ideal_seconds

SIGMA: Final = 0.5
"""The spread of the latencies, which are lognormal."""

SEED: Final = 1
"""The seed of the server's latencies."""

BESIDE_PEERS: Final = (Case(64, 1.0, 960), Case(256, 1.0, 2560))
CASES: Final = (
    Case(16, 1.0, 240),
    *BESIDE_PEERS,
    Case(256, 1.0, LARGE_ROWS),
    Case(1024, 4.0, 8192),
    Case(64, 1.0, 400, turns=4),
)
QUICK: Final = (Case(16, 0.2, 400), Case(16, 0.2, 100, turns=4))
QUICK_BESIDE_PEERS: Final = (Case(16, 0.2, 400),)
SECONDS: Final = 180.0
"""The most that a measurement may take. Frameworks that take longer have failed."""

VOCABULARY: Final = "bpe-openai==0.1.4"
BUDWOOD: Final = Contender("run", "Budwood", "budwood", (), "budwood_run", packages=("budwood-generation",))
CLIENT: Final = Contender("client", "Budwood's client alone", "budwood", (), "budwood_client", packages=("budwood",))
(AIOHTTP,) = select_contenders(["aiohttp"])
PEERS: Final = (
    AIOHTTP,
    Contender(
        "curator",
        "Curator",
        "peer",
        ("bespokelabs-curator==0.1.31", VOCABULARY),
        "curator",
        packages=("bespokelabs-curator", "litellm", "aiohttp"),
    ),
    Contender(
        "data-designer",
        "NeMo Data Designer",
        "peer",
        ("data-designer==0.9.7", VOCABULARY),
        "data_designer",
        packages=("data-designer",),
    ),
)


@dataclass
class Benchmark:
    """
    The measurements on a server.

    Args:
        server: The address of the server.
    """

    server: str
    results: list[Result] = field(default_factory=list)
    peers: dict[Case, list[Peer]] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)
    _paths: int = 0

    def compare(self, case: Case) -> Result:
        """
        Measure a run, and the client alone or an ideal scheduler.
        """
        run = self._measure(BUDWOOD, case)
        if case.turns:
            ideal = ideal_seconds(count_turns(case), case.slots, create_latency(case.mean), calls_of_first_turn=1)
            result = Result(case, run, ratio=ideal / run["span"])
        else:
            client = self._measure(CLIENT, case)
            result = Result(case, run, ratio=run["efficiency"] / client["efficiency"], client_cpu_ms=client["cpu_ms"])
        self.results.append(result)
        return result

    def compare_with_peers(self, case: Case, run: dict[str, float]) -> None:
        """
        Measure the other frameworks; ``run`` has the figures of Budwood for the same case.
        """
        bare = self._measure(AIOHTTP, case)
        found = self.peers[case] = [Peer(AIOHTTP.label, bare, bare), Peer(BUDWOOD.label, run, bare)]
        for contender in PEERS[1:]:
            try:
                found.append(Peer(contender.label, self._measure(contender, case), bare))
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                print(f"{contender.label} failed: {error}\n{error.stderr}", file=sys.stderr, flush=True)
                found.append(Peer(contender.label, None, bare, failure=type(error).__name__))

    def _measure(self, contender: Contender, case: Case) -> dict[str, float]:
        """
        Run a contender in a process of its own. Each gets the sequence of latencies from its start.
        """
        self._paths += 1
        path = f"/for-{contender.name}-{self._paths}/lognormal-{case.mean * 1000:g}-{SIGMA}"
        program = [str(find_python(contender)), "-m", "tests.benchmarks.generation_worker"]
        with tempfile.TemporaryDirectory() as home, pin_to_core(0):
            result = subprocess.run(
                [*program, contender.module, json.dumps(vars(case)), self.server, path],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if contender.kind == "peer" else None,  # they print their progress
                text=True,
                check=True,
                cwd=ROOT,
                env=create_process_environment(home, contender.environment),
                timeout=SECONDS,
            )
        found: dict[str, float] = json.loads(result.stdout)
        return found


def create_latency(mean: float) -> Callable[[], float]:
    """
    Return the latencies of the server.
    """
    chance, location = random.Random(SEED), math.log(mean) - SIGMA**2 / 2
    return lambda: chance.lognormvariate(location, SIGMA)


def count_turns(case: Case) -> list[int]:
    """
    Return the number of turns of each row.
    """
    from budwood_generation import make_plan

    with tempfile.TemporaryDirectory() as folder:
        plan = make_plan(create_spec(case, folder), settings=create_settings("http://127.0.0.1:9"))
        return [cell.turns for cell in plan.cells]


def measure(cases: Sequence[Case], beside_peers: Sequence[Case], starts: dict[str, int] | None) -> Benchmark:
    """
    Measure cases, and print each result as soon as it is known.

    Args:
        cases: The cases.
        beside_peers: Those that other frameworks run too.
        starts: The rows of the runs whose start is measured.
    """
    if beside_peers:
        for contender in PEERS:
            prepare_environment(contender)
    with run_server() as server:
        benchmark = Benchmark(server)
        for case in cases:
            result = benchmark.compare(case)
            print(f"{case.name}: {result.ratio:.3f} of the reference", file=sys.stderr, flush=True)
            if case in beside_peers:
                benchmark.compare_with_peers(case, result.run)
        if starts is not None:
            benchmark.targets = measure_starts(server, starts)
    benchmark.targets = [*check_targets(benchmark.results), *benchmark.targets]
    return benchmark


def main() -> None:
    """
    Measure and print. A full run rewrites the page; missed targets fail it.
    """
    parser = argparse.ArgumentParser(description="Measure dataset generation; see the start of this file.")
    parser.add_argument("--quick", action="store_true", help="two small cases; no page is written, no target fails")
    parser.add_argument("--peers", action="store_true", help="only the cases beside other frameworks; no page")
    arguments = parser.parse_args()
    peers_cases = QUICK_BESIDE_PEERS if arguments.quick else BESIDE_PEERS
    is_full = not (arguments.quick or arguments.peers)
    cases = list(peers_cases) if arguments.peers else list(QUICK if arguments.quick else CASES)
    starts = None if arguments.peers else QUICK_ROWS if arguments.quick else ROWS
    benchmark = measure(cases, peers_cases if arguments.peers or is_full else (), starts)
    tables = format_tables(benchmark.targets, benchmark.results, benchmark.peers)
    print(tables)
    if is_full:
        write_page(tables, describe_machine([BUDWOOD, CLIENT, *PEERS]), [BUDWOOD, CLIENT, *PEERS])
        missed = [target.name for target in benchmark.targets if not target.is_met]
        if missed:
            raise SystemExit(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
