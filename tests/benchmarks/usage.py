"""
Measure what the usage store costs on the thread that calls, in pairs of new processes.

``python -m tests.benchmarks.usage [--pairs 12]`` prints the microseconds of CPU per call that it adds, as the median of
the differences with its 95 % interval. Replies are in memory; the thread that writes is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.benchmarks.pairs import compute_interval

CALLS: Final = 500
LIMIT: Final = 15.0
"""The microseconds that it may add to a call."""

PROGRAM: Final = """
import statistics, sys, time
import budwood
from budwood.types import ReplyHead
from tests.benchmarks.layers import InstantTransport
from tests.benchmarks.pairs import BODY
path, calls, observers = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
transport = InstantTransport(ReplyHead(200, {"content-type": "application/json"}), [BODY])
options = {"transport": transport, "settings": {"observer": {"usage": {"path": path}}}, "cache": False}
with budwood.Client("openai/gpt-4.1", api_key="no-key", observers=observers, **options) as client:
    def measure():
        start = time.thread_time()
        for _ in range(calls):
            client.ask("Hi")
        return (time.thread_time() - start) / calls * 1e6
    measure()
    print(statistics.median(measure() for _ in range(9)))
"""


def measure(folder: str, observers: list[str]) -> float:
    """
    Return the microseconds of CPU per call on the calling thread, in a new process.
    """
    command = [sys.executable, "-c", PROGRAM, str(Path(folder, "usage.sqlite3")), str(CALLS), *observers]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stderr)
    return float(run.stdout)


def main() -> None:
    """
    Print the difference, and fail if it is too large.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    arguments = parser.parse_args()
    differences, without = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.pairs):
            order: list[list[str]] = [[], ["usage"]] if number % 2 else [["usage"], []]
            measured = {bool(observers): measure(folder, observers) for observers in order}
            differences.append(measured[True] - measured[False])
            without.append(measured[False])
    low, high = compute_interval(differences)
    median = statistics.median(differences)
    print(f"usage on: {median:+.1f} µs a call ({low:+.1f} to {high:+.1f}), without {statistics.median(without):.0f} µs")
    if median > LIMIT:
        raise SystemExit(f"more than {LIMIT:.0f} µs")


if __name__ == "__main__":
    main()
