"""
Measure the costs of Budwood, bare clients and other libraries.

Without options everything is measured, in about 20 minutes, and docs/benchmarks is rewritten; a target that is
not met and has no explanation fails the run. With options other than --json, no page is written and no target fails.

Usage: python -m tests.benchmarks.run [--quick] [--only MEASURE] [--contenders A,B] [--rounds N] [--json FILE]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import chart, memory, report, rounds, startup
from tests.benchmarks.environments import ROOT, prepare_environment
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.measures import MEASURES
from tests.benchmarks.processes import pin_to_core, run_server, run_workers
from tests.benchmarks.results import Results
from tests.benchmarks.roster import ROSTER, Contender, select_contenders
from tests.benchmarks.targets import check_targets

FOLDER = ROOT / "docs" / "benchmarks"
WATCHED = tuple(measure.name for measure in memory.MEMORY)
NAMES = ("installed", *startup.TITLES, *(measure.name for measure in MEASURES), *WATCHED)
QUICK = (
    "installed import first-call version sync structured-sync dictionary-sync tools-sync async-32 async-256 "
    "structured-async dictionary-async tools-async stream-sync stream-async cache-memory cache-sqlite "
    "cache-sqlite-async offline endless"
).split()


@dataclass(frozen=True)
class Choice:
    """
    What to measure: the contenders, the measures, the maximum number of rounds and the factor of their duration.
    """

    contenders: list[Contender]
    measures: list[str]
    rounds: int = 100
    start_rounds: int = 15
    factor: float = 1.0


def parse_arguments() -> argparse.Namespace:
    """
    Parse the command line.
    """
    parser = argparse.ArgumentParser(description="Measure what Budwood costs; see the start of this file.")
    parser.add_argument("--quick", action="store_true", help="only Budwood and the bare clients, in few short rounds")
    parser.add_argument("--only", action="append", metavar="MEASURE", help=f"may be repeated: {', '.join(NAMES)}")
    parser.add_argument("--contenders", metavar="A,B", help=", ".join(contender.name for contender in ROSTER))
    parser.add_argument("--rounds", type=int, help="the maximum number of rounds of each measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    return parser.parse_args()


def select_installed(contenders: Sequence[Contender]) -> list[Contender]:
    """
    Return the contenders whose packages are installed, and print the others.
    """
    found = []
    for contender in contenders:
        lacking = [] if contender.requirements else [name for name in contender.packages if not is_installed(name)]
        if lacking:
            print(f"{contender.name} is skipped: not installed: {', '.join(lacking)}", file=sys.stderr)
        else:
            found.append(contender)
    return found


def is_installed(name: str) -> bool:
    """
    Return whether a distribution is installed in the suite's environment.
    """
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def select(arguments: argparse.Namespace) -> Choice:
    """
    Return what the command line selects.

    Raises:
        SystemExit: A measure or contender is unknown.
    """
    unknown = set(arguments.only or ()) - set(NAMES)
    if unknown:
        raise SystemExit(f"unknown measure: {', '.join(sorted(unknown))}; known measures: {', '.join(NAMES)}")
    contenders = select_installed(
        select_contenders(arguments.contenders.split(",")) if arguments.contenders else list(ROSTER)
    )
    measures = arguments.only or list(NAMES)
    if not arguments.quick:
        return Choice(contenders, measures, arguments.rounds or 100, arguments.rounds or 11)
    if not arguments.contenders:
        contenders = [contender for contender in contenders if contender.kind != "peer"]
    return Choice(contenders, arguments.only or QUICK, arguments.rounds or 2, arguments.rounds or 2, 0.3)


def measure(choice: Choice) -> Results:
    """
    Run the selected measures.
    """
    results = Results()
    for contender in choice.contenders:
        if contender.requirements:
            prepare_environment(contender)
    results.about = describe_machine(choice.contenders)
    if "installed" in choice.measures:
        startup.measure_sizes(choice.contenders, results)
    with run_server() as address, pin_to_core(0):
        starts = [name for name in startup.TITLES if name in choice.measures]
        if starts:
            startup.run_programs(choice.contenders, starts, address, choice.start_rounds, results)
        with run_workers(choice.contenders, address) as workers:
            measures = [one for one in MEASURES if one.name in choice.measures]
            for group in rounds.group_measures(measures):
                rounds.run_group(group, workers, choice.rounds, choice.factor, results)
            for watched in memory.MEMORY:
                if watched.name in choice.measures:
                    memory.measure_memory(watched, workers, results)
    return results


def list_failures(results: Results) -> list[str]:
    """
    Return the failures of Budwood; failures of others are only in the report.
    """
    ours = {contender.name for contender in ROSTER if contender.kind == "budwood"}
    return [
        f"{measure}, {name}: {why}"
        for measure, failed in results.failures.items()
        for name, why in failed.items()
        if name in ours
    ]


def write_report(results: Results, page: str) -> None:
    """
    Rewrite docs/benchmarks.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "README.md").write_text(page, "utf-8")
    (FOLDER / "results.json").write_text(json.dumps(results.as_data(), indent=1) + "\n", "utf-8")
    (FOLDER / "chart.svg").write_text(chart.draw_results(results), "utf-8")


def main() -> None:
    """
    Measure and print. A full run writes docs/benchmarks and fails for missed targets; failures of Budwood always fail.
    """
    arguments = parse_arguments()
    results = measure(select(arguments))
    target_results = check_targets(results)
    print(report.format_tables(results, target_results))
    if arguments.json:
        arguments.json.write_text(json.dumps(results.as_data(), indent=1) + "\n", "utf-8")
    wrong = list_failures(results)
    if not (arguments.quick or arguments.only or arguments.contenders or arguments.rounds):
        write_report(results, report.format_page(results, target_results))
        wrong += [f"not met: {one.target.name}" for one in target_results if one.fails]
        wrong += [f"not measured: {one.target.name}" for one in target_results if one.met is None]
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
