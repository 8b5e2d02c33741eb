"""
Splitting many documents in several processes.

The module `multiprocessing` is not used: it would import the user's program again in each process, or fork a process
with threads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from budwood.errors import ConfigurationError
from budwood_generation.documents.formats import Kind, detect_kind
from budwood_generation.documents.passages import Passage
from budwood_generation.documents.sources import Content, Splitter

MIN_SECONDS: Final = 2.0
"""Estimated seconds of work below which one process suffices: another takes half a second to start."""
WORKER: Final = "budwood_generation.documents.worker"
_MAX_WORKERS: Final = 8
_SECONDS_PER_BYTE: Final = {Kind.RESTRUCTURED: 2e-6, Kind.MARKDOWN: 5e-7, Kind.PDF: 4e-7}
_OTHER_SECONDS_PER_BYTE: Final = 6e-8


@dataclass(frozen=True, slots=True)
class Task:
    """A file to split; ``size`` is its number of bytes."""

    name: str
    path: Path
    size: int


def split_files(tasks: Sequence[Task], splitter: Splitter) -> Generator[Content | ConfigurationError]:
    """Split files, in several processes if that pays, and yield the results in the order of the tasks."""
    seconds = sum(task.size * _SECONDS_PER_BYTE.get(detect_kind(task.name), _OTHER_SECONDS_PER_BYTE) for task in tasks)
    count = min(_MAX_WORKERS, len(tasks), _count_processors())
    if seconds < MIN_SECONDS or count < 2 or not sys.executable or getattr(sys, "frozen", False):
        yield from (_split_here(task, splitter) for task in tasks)
        return
    workers = _Workers(splitter)
    with ThreadPoolExecutor(count) as threads:
        try:
            yield from threads.map(workers.split, tasks)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            workers.stop()


class _Workers:
    """Processes that split files, one for each thread."""

    def __init__(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._can_start = True

    def split(self, task: Task) -> Content | ConfigurationError:
        process: subprocess.Popen[bytes] | None = getattr(self._of_thread, "process", None)
        if process is None and self._can_start:
            process = self._of_thread.process = self._start()
        if process is None:
            return _split_here(task, self._splitter)
        answer = _ask(process, [task.name, str(task.path)])
        if answer:
            return _decode(answer)
        self._of_thread.process = None
        return ConfigurationError(
            f"The document {task.name!r} cannot be read: its parser ended with status {process.wait()}.",
            hint="Exclude it.",
        )

    def stop(self) -> None:
        """Stop all processes, also those that are parsing."""
        with self._lock:
            self._can_start = False
            running = list(self._running)
        for process in running:
            process.kill()
        for process in running:
            with process:  # closes the pipes and waits
                pass

    def _start(self) -> subprocess.Popen[bytes] | None:
        """Start a process, or return None if it cannot be started."""
        options = (str(self._splitter.passage_chars), self._splitter.code)
        with self._lock:
            if not self._can_start:
                return None
            process = subprocess.Popen(  # noqa: S603 - this interpreter, with a module of this package
                [sys.executable, "-P", "-m", WORKER, *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._running.add(process)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        if process.stdout.readline():
            return process
        self._can_start = False  # the other documents are parsed in this process
        return None


def _ask(process: subprocess.Popen[bytes], request: Sequence[str]) -> bytes:
    """Return the answer to a request, or nothing if the process ended."""
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        return process.stdout.readline()
    except (OSError, ValueError):  # the pipe is closed
        return b""


def _decode(answer: bytes) -> Content | ConfigurationError:
    value: dict[str, Any] = from_json(answer)
    if "error" in value:
        message, hint = value["error"]
        return ConfigurationError(message, hint=hint)
    passages = [Passage(tuple(headings), text, sentences) for headings, text, sentences in value["passages"]]
    return Content(value["digest"], passages, tuple(value["problems"]))


def _split_here(task: Task, splitter: Splitter) -> Content | ConfigurationError:
    try:
        return splitter.read(task.name, task.path)
    except ConfigurationError as error:
        return error


def _count_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
