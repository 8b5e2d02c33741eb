"""Runs the server and the workers as processes, on separate cores if there are two."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.benchmarks.environments import ROOT, get_python_path, prepare_environment
from tests.benchmarks.roster import Contender

PRIVATE = ("BUDWOOD_", "COVERAGE", "OPENAI_", "LITELLM_", "LANGCHAIN_", "LANGSMITH_")
"""Prefixes of the user's variables that must not change results."""


HOMES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA")


def create_process_environment(home: str, more: Mapping[str, str]) -> dict[str, str]:
    """
    Return the environment of a measured process, without the user's settings, proxies, keys and caches.
    """
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PRIVATE) and not name.lower().endswith("_proxy")
    }
    return variables | dict.fromkeys(HOMES, home) | dict(more)


@contextmanager
def pin_to_core(number: int) -> Iterator[None]:
    """
    Pin processes that are started meanwhile to the first or the last usable core.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(allowed)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def run_server() -> Iterator[str]:
    """
    Run the loopback server, and yield its address.
    """
    with pin_to_core(-1):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.server"], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def read_statistics(address: str) -> dict[str, float]:
    """
    Return the server's statistics since the last query.
    """
    with urlopen(f"{address}/stats") as reply:
        found: dict[str, float] = json.load(reply)
    return found


class WorkerProcess:
    """
    The process of a contender. It runs as long as the suite, and waits while others are measured.

    Args:
        contender: The contender.
        python: The Python that runs it.
        address: The address of the server.
        home: An empty home folder.
    """

    def __init__(self, contender: Contender, python: Path, address: str, home: str) -> None:
        self.contender = contender
        self._program = [python, "-m", "tests.benchmarks.worker", contender.module, address]
        self._environment = create_process_environment(home, contender.environment)
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=self._environment
        )

    def ask(self, command: Mapping[str, object], limit: float = 120.0) -> dict[str, Any]:
        """
        Send a command, and wait for the answer. After ``limit`` seconds the process is restarted.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # the process has ended, which is handled below
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            has_answer = bool(selector.select(limit))
            line = self._process.stdout.readline() if has_answer else ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self._process.kill()
        self.restart()
        return {"failed": "the process ended" if has_answer else f"no answer within {limit:g} s"}

    def restart(self) -> None:
        """
        Restart the process.
        """
        self.close()
        self._process = self._start()

    def close(self) -> None:
        """
        End the process.
        """
        with suppress(BrokenPipeError):
            self._process.communicate()
        self._process.wait()


def find_python(contender: Contender) -> Path:
    """
    Return the Python that runs a contender's worker.
    """
    return Path(sys.executable) if contender.runs_in_suite else get_python_path(prepare_environment(contender))


@contextmanager
def run_workers(contenders: list[Contender], address: str) -> Iterator[list[WorkerProcess]]:
    """
    Run a worker for each contender.
    """
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        workers = []
        for contender in contenders:
            worker = WorkerProcess(contender, find_python(contender), address, home)
            stack.callback(worker.close)
            workers.append(worker)
        yield workers
