"""
Measures how fast large dataset runs start, and what they keep in memory.

Usage: python -m tests.benchmarks.generation_starts ACT ROWS SERVER FOLDER. ACT is "generate", "resume", or a number of
calls after which a run is stopped. It prints the figures as JSON.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.environments import ROOT
from tests.benchmarks.generation_page import Target
from tests.benchmarks.generation_worker import SCHEMA
from tests.benchmarks.processes import create_process_environment, pin_to_core

if TYPE_CHECKING:
    from budwood_generation import Progress

DOCUMENTS: Final = 300
WORDS: Final = 600
"""The documents, and the words in each."""

FIRST_CALL_SECONDS: Final = 2.0
RESUME_SECONDS: Final = 1.0
GROWTH: Final = 0.1
ATTEMPTS: Final = 3
"""Measurements of a time. The shortest counts, because other programs only add to it."""

ROWS: Final = {"calls": 2000, "few": 10_000, "many": 200_000, "most": 1_000_000, "finished": 50_000}
"""The rows of the runs, and the calls after which those that are not finished are stopped."""

QUICK_ROWS: Final = {"calls": 2000, "few": 3000, "many": 20_000, "most": 100_000, "finished": 4000}


def measure_starts(server: str, rows: dict[str, int]) -> list[Target]:
    """
    Measure the first call of a large run, the memory of two others, and how long it takes to resume a finished one.
    """
    act = str(rows["calls"])
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
        write_documents(Path(folder, "docs"))
        run(act, rows["most"] - 1, server, folder, home)  # reads the documents, which then are in the cache
        few = run(act, rows["few"], server, folder, home)
        many = run(act, rows["many"], server, folder, home)
        first = min(run(act, rows["most"] + number, server, folder, home)["first_call_s"] for number in range(ATTEMPTS))
        small = run("generate", rows["few"], server, folder, home)
        large = run("generate", rows["finished"], server, folder, home)
        again = min(run("resume", rows["finished"], server, folder, home)["seconds"] for _ in range(ATTEMPTS))
    return [
        Target(
            f"{rows['most']:,} rows: first call, with the imports",
            f"{first:.2f}",
            f"≤ {FIRST_CALL_SECONDS:g} s",
            first <= FIRST_CALL_SECONDS,
        ),
        compare_memory(f"{rows['many']:,} rows, to {rows['few']:,}: memory after {rows['calls']:,} calls", many, few),
        compare_memory(f"{rows['finished']:,} rows, to {rows['few']:,}: memory at the end", large, small),
        Target(
            f"{rows['finished']:,} rows: resume of the finished run, with the imports",
            f"{again:.2f}",
            f"≤ {RESUME_SECONDS:g} s",
            again <= RESUME_SECONDS,
        ),
    ]


def compare_memory(name: str, large: dict[str, float], small: dict[str, float]) -> Target:
    """
    Return the target of the growth of memory between two runs.
    """
    growth = large["rss_mb"] / small["rss_mb"] - 1
    return Target(name, f"{growth:+.1%}, {large['rss_mb']:.1f} MB", f"≤ ±{GROWTH:.0%}", abs(growth) <= GROWTH)


def write_documents(folder: Path) -> None:
    """
    Write Markdown with random words.
    """
    folder.mkdir()
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnop", k=chance.randint(2, 9))) for _ in range(2000)]
    for number in range(DOCUMENTS):
        sentences = (" ".join(chance.choices(words, k=12)).capitalize() + "." for _ in range(WORDS // 12))
        (folder / f"{number}.md").write_text(f"# Document {number}\n\n{' '.join(sentences)}\n", "utf-8")


def run(act: str, rows: int, server: str, folder: str, home: str) -> dict[str, float]:
    """
    Run a process, and return its figures.
    """
    with pin_to_core(0):
        result = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.generation_starts", act, str(rows), server, folder],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=ROOT,
            env=create_process_environment(home, {}),
        )
    found: dict[str, float] = json.loads(result.stdout)
    return found


class Figures:
    """
    The figures of this process.

    Args:
        calls: The number of calls after which it ends; None if it does not.
    """

    def __init__(self, calls: int | None) -> None:
        self._calls = calls
        self._started = time.perf_counter()
        self._first_call_s: float | None = None

    def update(self, progress: Progress) -> None:
        """
        Record the time of the first call, and end the process after the last.
        """
        if progress.calls and self._first_call_s is None:
            self._first_call_s = time.perf_counter() - self._started
        if self._calls is not None and progress.calls >= self._calls:
            self.show()
            os._exit(0)  # the run is not finished

    def show(self) -> None:
        """
        Print the figures.
        """
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
        seconds = time.perf_counter() - self._started
        print(json.dumps({"first_call_s": self._first_call_s, "seconds": seconds, "rss_mb": rss}), flush=True)


def create_spec(rows: int, folder: str, output: str) -> dict[str, Any]:
    """
    Return a specification of values about the documents.
    """
    row = {"model": "local/bench", "schema": SCHEMA, "instruction": "Invent a person."}
    documents = {"paths": ["docs/*.md"]}
    common = {"rows": rows, "concurrency": 64, "output": output, "root": folder}
    return common | {"documents": documents, "row": row}


def main() -> None:
    """
    Start a run in this process, and print its figures.
    """
    act, rows, server, folder = sys.argv[1:]
    figures = Figures(int(act) if act.isdigit() else None)
    from budwood_generation import generate, resume

    settings = {"providers": {"local": {"plugin": "openai-compatible", "base_url": f"{server}/v1"}}}
    if act == "resume":
        report = resume(Path(folder, f"{rows}.jsonl.run"), settings=settings)
    else:
        output = f"{rows}.jsonl" if act == "generate" else f"stopped-{rows}.jsonl"
        report = generate(create_spec(int(rows), folder, output), settings=settings, on_progress=figures.update)
    if not report.complete:
        raise AssertionError(report.failures)
    figures.show()


if __name__ == "__main__":
    main()
