"""
Run one contender's operations, as told on standard input, and answer what they cost.

Each line is a command in JSON, and each answer is one: the fields of a command are those of `Command`. What libraries
print goes to standard error.

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
"""Of so many calls, the last ones, the times are kept: what the suite holds must not look like growth."""

STATUS = Path("/proc/self/status")


class Tally:
    """
    What one run has done so far: seconds of each call, seconds to the first token of each stream.
    """

    def __init__(self, seconds: float, least: int, most: int | None) -> None:
        self.least = least
        self.most = math.inf if most is None else most
        self.calls = 0
        self.latencies: deque[float] = deque(maxlen=MAX_SAMPLES)
        self.first_tokens: deque[float] = deque(maxlen=MAX_SAMPLES)
        self.began = time.perf_counter()
        self.end = self.began + seconds

    def more(self) -> bool:
        """
        Take one more call, where there is one left.
        """
        if self.calls >= self.most or (self.calls >= self.least and time.perf_counter() >= self.end):
            return False
        self.calls += 1
        return True

    def note(self, began: float) -> None:
        """
        Note that a call which began then is complete.
        """
        self.latencies.append(time.perf_counter() - began)


def run_blocking(operation: Callable[[], object], tally: Tally, wanted: object) -> None:
    """
    Call one after the other.
    """
    streamed = inspect.isgeneratorfunction(operation)
    while tally.more():
        began = time.perf_counter()
        check(read(operation(), tally, began) if streamed else operation(), wanted)
        tally.note(began)


def read(pieces: Iterator[str], tally: Tally, began: float) -> str:
    """
    Read a stream to its end.
    """
    text = next(pieces)
    tally.first_tokens.append(time.perf_counter() - began)
    for piece in pieces:
        text += piece
    return text


async def run_async(operation: Callable[[], Any], tally: Tally, in_flight: int, wanted: object) -> None:
    """
    Keep so many calls in flight.
    """
    lane = streams_in_turn if inspect.isasyncgenfunction(operation) else calls_in_turn
    await asyncio.gather(*(lane(operation, tally, wanted) for _ in range(in_flight)))


async def calls_in_turn(operation: Callable[[], Awaitable[object]], tally: Tally, wanted: object) -> None:
    """
    Call one after the other, in one of the lanes.
    """
    while tally.more():
        began = time.perf_counter()
        check(await operation(), wanted)
        tally.note(began)


async def streams_in_turn(operation: Callable[[], AsyncIterator[str]], tally: Tally, wanted: object) -> None:
    """
    Read one stream after the other, in one of the lanes.
    """
    while tally.more():
        began = time.perf_counter()
        pieces = operation()
        text = await anext(pieces)
        tally.first_tokens.append(time.perf_counter() - began)
        async for piece in pieces:
            text += piece
        check(text, wanted)
        tally.note(began)


def quantile(values: Collection[float], share: float) -> float:
    """
    Find the value below which a share of them lies.
    """
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def memory(field: str) -> float:
    """
    Tell how many megabytes the process holds, or held at most; where the system tells neither, what it ever held.
    """
    if STATUS.exists():
        lines = STATUS.read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def forget_peak() -> None:
    """
    Begin a new peak, where the system can.
    """
    file = Path("/proc/self/clear_refs")
    if file.exists():
        file.write_text("5", "ascii")


class Command(NamedTuple):
    """
    What is to be run.

    Attributes:
        operation: The method of the client.
        wanted: What it must return.
        path: What the server shall do.
        in_flight: How many calls at once, where the operation is async.
        seconds: No call begins later, once every lane had one. Without end where it is None.
        count: How many calls at most; without bound where it is None.
        warm_up: How many calls are made before, which do not count: connections are open then, and code is loaded.
        warm_up_seconds: How long at most.
        keep: Leave the client open, for the next command.
    """

    operation: str
    wanted: object
    path: str = ""
    in_flight: int = 1
    seconds: float | None = None
    count: int | None = None
    warm_up: int = 0
    warm_up_seconds: float = 6.0
    keep: bool = False


class Worker:
    """
    One contender, with a new client for each command unless one was kept.
    """

    def __init__(self, module: str, address: str) -> None:
        self.name = module
        self.address = address
        self.client: Any = None

    @functools.cached_property
    def module(self) -> Any:
        """
        Import the contender when it is first asked: a failure is an answer.
        """
        return importlib.import_module(f"tests.benchmarks.contenders.{self.name}")

    @functools.cached_property
    def runner(self) -> asyncio.Runner:
        """
        Make the one event loop of the process.
        """
        return asyncio.Runner(loop_factory=getattr(self.module, "loop_factory", None))

    def perform(self, command: Command) -> dict[str, Any]:
        """
        Do what a command says, and tell what a call costs.
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
        forget_peak()
        tally = Tally(command.seconds or math.inf, command.in_flight, command.count)
        cpu = time.process_time()
        if command.operation in MAX_PARALLEL_FLOWS:
            assert command.count is not None
            texts = self.runner.run(operation(command.count, command.in_flight))
            check(texts, [command.wanted] * command.count)
            tally.calls = command.count
        elif inspect.iscoroutinefunction(operation) or inspect.isasyncgenfunction(operation):
            self.runner.run(run_async(operation, tally, command.in_flight, command.wanted))
        else:
            run_blocking(operation, tally, command.wanted)
        return costs(tally, time.process_time() - cpu, time.perf_counter() - tally.began)

    def close(self) -> None:
        """
        End the client.
        """
        client, self.client = self.client, None
        if client is not None:
            client.close()
            self.runner.run(client.aclose())


def costs(tally: Tally, cpu: float, wall: float) -> dict[str, Any]:
    """
    Tell what a run cost: microseconds of CPU a call, milliseconds of waiting, megabytes.
    """
    calls = tally.calls
    found = {
        "calls": calls,
        "cpu_us": cpu / calls * 1e6,
        "wall_us": wall / calls * 1e6,
        "per_second": calls / wall,
        "resident_mb": memory("VmRSS"),
        "peak_mb": memory("VmHWM"),
    }
    if tally.latencies:
        found |= {f"p{share}_ms": quantile(tally.latencies, share / 100) * 1000 for share in (50, 99)}
    if tally.first_tokens:
        found["first_token_ms"] = quantile(tally.first_tokens, 0.5) * 1000
    return found


def answers(worker: Worker, commands: IO[str]) -> Iterator[dict[str, Any]]:
    """
    Answer each command; a failure is an answer too.
    """
    for line in commands:
        try:
            yield worker.perform(Command(**json.loads(line)))
        except Unavailable as error:
            yield {"unavailable": str(error)}
        except Exception:  # noqa: BLE001 - whatever a library raises is told
            yield {"failed": traceback.format_exc()}


def main(module: str, address: str) -> None:
    """
    Answer commands until there are no more.
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker = Worker(module, address)
    for answer in answers(worker, sys.stdin):
        print(json.dumps(answer), file=out, flush=True)
    worker.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
