"""
Measures how fast large dataset runs start, and what they keep in memory.

Usage: python -m tests.benchmarks.generation_starts ACT ROWS SERVER FOLDER. ACT is "stop", which ends the process once
some calls are done, "generate" or "resume". It prints the figures as JSON.
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

FEW_CALLS: Final = 2000
"""Calls after which memory is read."""

FIRST_CALL_SECONDS: Final = 2.0
RESUME_SECONDS: Final = 1.0
GROWTH: Final = 0.1
ROWS: Final = {"few": 10_000, "many": 200_000, "most": 1_000_000, "finished": 50_000}
QUICK_ROWS: Final = {"few": 3000, "many": 20_000, "most": 100_000, "finished": 4000}


def measure_starts(server: str, rows: dict[str, int]) -> list[Target]:
    """
    Measure the first call of a large run, the memory of two others, and how long it takes to resume a finished one.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
        write_documents(Path(folder, "docs"))
        run("stop", rows["most"] + 1, server, folder, home)  # reads the documents, which then are in the cache
        few = run("stop", rows["few"], server, folder, home)
        many = run("stop", rows["many"], server, folder, home)
        most = run("stop", rows["most"], server, folder, home)
        small = run("generate", rows["few"], server, folder, home)
        large = run("generate", rows["finished"], server, folder, home)
        again = run("resume", rows["finished"], server, folder, home)
    first = most["first_call_s"]
    return [
        Target(
            f"{rows['most']:,} rows: first call, with the imports",
            f"{first:.2f}",
            f"≤ {FIRST_CALL_SECONDS:g} s",
            first <= FIRST_CALL_SECONDS,
        ),
        compare_memory(f"{rows['many']:,} rows, to {rows['few']:,}: memory after {FEW_CALLS:,} calls", many, few),
        compare_memory(f"{rows['finished']:,} rows, to {rows['few']:,}: memory at the end", large, small),
        Target(
            f"{rows['finished']:,} rows: resume of the finished run, with the imports",
            f"{again['seconds']:.2f}",
            f"≤ {RESUME_SECONDS:g} s",
            again["seconds"] <= RESUME_SECONDS,
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
    """

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._first_call_s: float | None = None

    def stop_after_few(self, progress: Progress) -> None:
        """
        End the process after some calls.
        """
        if progress.calls and self._first_call_s is None:
            self._first_call_s = time.perf_counter() - self._started
        if progress.calls >= FEW_CALLS:
            self.show()
            os._exit(0)  # the run is not finished

    def show(self) -> None:
        """
        Print the figures.
        """
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
        seconds = time.perf_counter() - self._started
        print(json.dumps({"first_call_s": self._first_call_s, "seconds": seconds, "rss_mb": rss}), flush=True)


def create_spec(rows: int, folder: str) -> dict[str, Any]:
    """
    Return a specification of values about the documents.
    """
    row = {"model": "local/bench", "schema": SCHEMA, "instruction": "Invent a person."}
    documents = {"paths": ["docs/*.md"]}
    common = {"rows": rows, "concurrency": 64, "output": f"{rows}.jsonl", "root": folder}
    return common | {"documents": documents, "row": row}


def main() -> None:
    """
    Start a run in this process, and print its figures.
    """
    act, rows, server, folder = sys.argv[1:]
    figures = Figures()
    from budwood_generation import generate, resume

    settings = {"providers": {"local": {"plugin": "openai-compatible", "base_url": f"{server}/v1"}}}
    if act == "resume":
        report = resume(Path(folder, f"{rows}.jsonl.run"), settings=settings)
    else:
        on_progress = figures.stop_after_few if act == "stop" else None
        report = generate(create_spec(int(rows), folder), settings=settings, on_progress=on_progress)
    if not report.complete:
        raise AssertionError(report.failures)
    figures.show()


if __name__ == "__main__":
    main()
