"""
Runs a contender's operations on command from standard input, and reports their costs.

Commands and answers are lines of JSON; the fields of a command are those of `Command`. Output of libraries
goes to standard error.

Usage: python -m tests.benchmarks.worker MODULE ADDRESS
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import json
import math
import os
import resource
import sys
import time
import traceback
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from tests.benchmarks.asking import MAX_PARALLEL_FLOWS, Unavailable, check

MAX_SAMPLES = 10_000
"""The number of calls, the latest ones, whose times are stored, so that the suite's own memory does not grow."""

STATUS = Path("/proc/self/status")


class Tally:
    """
    The progress of a run: the seconds of each call, and the seconds to the first token of each stream.
    """

    def __init__(self, seconds: float, minimum: int, maximum: int | None) -> None:
        self.minimum = minimum
        self.maximum = math.inf if maximum is None else maximum
        self.calls = 0
        self.latencies: deque[float] = deque(maxlen=MAX_SAMPLES)
        self.first_tokens: deque[float] = deque(maxlen=MAX_SAMPLES)
        self.start = time.perf_counter()
        self.end = self.start + seconds

    def start_call(self) -> bool:
        """
        Return whether another call may start, and count it.
        """
        if self.calls >= self.maximum or (self.calls >= self.minimum and time.perf_counter() >= self.end):
            return False
        self.calls += 1
        return True

    def record(self, start: float) -> None:
        """
        Record the duration of a completed call.
        """
        self.latencies.append(time.perf_counter() - start)


def run_blocking(operation: Callable[[], object], tally: Tally, expected: object) -> None:
    """
    Make calls one after another.
    """
    streamed = inspect.isgeneratorfunction(operation)
    while tally.start_call():
        start = time.perf_counter()
        check(read_stream(operation(), tally, start) if streamed else operation(), expected)
        tally.record(start)


def read_stream(parts: Iterator[str], tally: Tally, start: float) -> str:
    """
    Read a stream to its end.
    """
    text = next(parts)
    tally.first_tokens.append(time.perf_counter() - start)
    for part in parts:
        text += part
    return text


async def run_async(operation: Callable[[], Any], tally: Tally, in_flight: int, expected: object) -> None:
    """
    Keep `in_flight` calls in flight.
    """
    lane = read_streams if inspect.isasyncgenfunction(operation) else make_calls
    await asyncio.gather(*(lane(operation, tally, expected) for _ in range(in_flight)))


async def make_calls(operation: Callable[[], Awaitable[object]], tally: Tally, expected: object) -> None:
    """
    Make calls one after another, in one of the lanes.
    """
    while tally.start_call():
        start = time.perf_counter()
        check(await operation(), expected)
        tally.record(start)


async def read_streams(operation: Callable[[], AsyncIterator[str]], tally: Tally, expected: object) -> None:
    """
    Read streams one after another, in one of the lanes.
    """
    while tally.start_call():
        start = time.perf_counter()
        parts = operation()
        text = await anext(parts)
        tally.first_tokens.append(time.perf_counter() - start)
        async for part in parts:
            text += part
        check(text, expected)
        tally.record(start)


def compute_quantile(values: Collection[float], share: float) -> float:
    """
    Return a quantile of values.
    """
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def read_memory(field: str) -> float:
    """
    Return the current or peak memory of the process in megabytes; without both, the peak since its start.
    """
    if STATUS.exists():
        lines = STATUS.read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def reset_peak() -> None:
    """
    Reset the peak memory, if the system supports it.
    """
    file = Path("/proc/self/clear_refs")
    if file.exists():
        file.write_text("5", "ascii")


class Command(NamedTuple):
    """
    What to run.

    Attributes:
        operation: The method of the client.
        expected: What it must return.
        path: How the server behaves.
        in_flight: The number of concurrent calls of an async operation.
        seconds: When to stop starting calls, after one call per lane; None means no limit.
        count: The maximum number of calls; None means no limit.
        warm_up: The number of calls before the measurement, which open connections and load code.
        warm_up_seconds: The maximum duration of the warm-up.
        keep: Whether to keep the client open for the next command.
    """

    operation: str
    expected: object
    path: str = ""
    in_flight: int = 1
    seconds: float | None = None
    count: int | None = None
    warm_up: int = 0
    warm_up_seconds: float = 6.0
    keep: bool = False


class Worker:
    """
    A contender with a new client per command, unless the last command left its client open.
    """

    def __init__(self, module: str, address: str) -> None:
        self.name = module
        self.address = address
        self.client: Any = None

    @functools.cached_property
    def module(self) -> Any:
        """
        Import the contender on first use, so that a failure becomes an answer.
        """
        return importlib.import_module(f"tests.benchmarks.contenders.{self.name}")

    @functools.cached_property
    def runner(self) -> asyncio.Runner:
        """
        Create the event loop of the process.
        """
        return asyncio.Runner(loop_factory=getattr(self.module, "loop_factory", None))

    def perform(self, command: Command) -> dict[str, Any]:
        """
        Run a command, and return the costs per call.
        """
        keep = False
        if self.client is None:
            self.client = self.module.Client(f"{self.address}{command.path}/v1")
        try:
            if getattr(self.client, command.operation, None) is None:
                raise Unavailable
            if command.warm_up:
                self.run(command._replace(seconds=command.warm_up_seconds, count=command.warm_up))
            found = self.run(command)
            keep = command.keep
            return found
        finally:
            if not keep:
                self.close()

    def run(self, command: Command) -> dict[str, Any]:
        """
        Run an operation.
        """
        operation = getattr(self.client, command.operation)
        reset_peak()
        tally = Tally(command.seconds or math.inf, command.in_flight, command.count)
        cpu = time.process_time()
        if command.operation in MAX_PARALLEL_FLOWS:
            assert command.count is not None
            texts = self.runner.run(operation(command.count, command.in_flight))
            check(texts, [command.expected] * command.count)
            tally.calls = command.count
        elif inspect.iscoroutinefunction(operation) or inspect.isasyncgenfunction(operation):
            self.runner.run(run_async(operation, tally, command.in_flight, command.expected))
        else:
            run_blocking(operation, tally, command.expected)
        return compute_costs(tally, time.process_time() - cpu, time.perf_counter() - tally.start)

    def close(self) -> None:
        """
        Close the client.
        """
        client, self.client = self.client, None
        if client is not None:
            client.close()
            self.runner.run(client.aclose())


def compute_costs(tally: Tally, cpu: float, wall: float) -> dict[str, Any]:
    """
    Return the costs of a run: CPU microseconds per call, latencies in milliseconds, memory in megabytes.
    """
    calls = tally.calls
    found = {
        "calls": calls,
        "cpu_us": cpu / calls * 1e6,
        "wall_us": wall / calls * 1e6,
        "per_second": calls / wall,
        "resident_mb": read_memory("VmRSS"),
        "peak_mb": read_memory("VmHWM"),
    }
    if tally.latencies:
        found |= {f"p{share}_ms": compute_quantile(tally.latencies, share / 100) * 1000 for share in (50, 99)}
    if tally.first_tokens:
        found["first_token_ms"] = compute_quantile(tally.first_tokens, 0.5) * 1000
    return found


def run_commands(worker: Worker, commands: IO[str]) -> Iterator[dict[str, Any]]:
    """
    Yield an answer to each command, also if it fails.
    """
    for line in commands:
        try:
            yield worker.perform(Command(**json.loads(line)))
        except Unavailable as error:
            yield {"unavailable": str(error)}
        except Exception:  # noqa: BLE001 - any exception is reported
            yield {"failed": traceback.format_exc()}


def main(module: str, address: str) -> None:
    """
    Answer commands until standard input ends.
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker = Worker(module, address)
    for answer in run_commands(worker, sys.stdin):
        print(json.dumps(answer), file=out, flush=True)
    worker.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
