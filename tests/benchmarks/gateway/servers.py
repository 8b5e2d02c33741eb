"""Starts the servers that are compared, each with one worker, on a core of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.benchmarks.environments import ROOT, get_python_path, prepare_environment
from tests.benchmarks.gateway.load import BODY
from tests.benchmarks.processes import create_process_environment, pin_to_core
from tests.benchmarks.roster import Contender

START_SECONDS: Final = 120.0
"""LiteLLM's proxy takes up to 40 s."""

LITELLM: Final = Contender(
    name="litellm-proxy",
    label="LiteLLM's proxy",
    kind="peer",
    module="",
    requirements=("litellm[proxy]==1.106.2",),
    packages=("litellm",),
)
LITELLM_KEY: Final = "sk-bench-4f1d8a6c2e9b7035d1c6f8a2"


class Server(NamedTuple):
    """
    A server that is measured.

    Attributes:
        name: Its name in the report.
        url: The address of its chats.
        key: The API key for it.
        pid: Its process.
    """

    name: str
    url: str
    key: str
    pid: int


@contextmanager
def run_relay(upstream: str, home: Path) -> Iterator[Server]:
    """
    Run the bare relay.
    """
    port = find_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning"]
    program = [sys.executable, "-m", "uvicorn", "tests.benchmarks.gateway.relay:app", *options]
    with run(program, home, {"UPSTREAM": upstream}) as process:
        yield wait("bare relay", port, "", process)


@contextmanager
def run_gateway(upstream: str, home: Path) -> Iterator[Server]:
    """
    Run the gateway with the defaults: SQLite, keys, and a record of each call.
    """
    settings = f"""
[providers.upstream]
plugin = "openai-compatible"
base_url = "{upstream}"

[server.models]
fast = "upstream/bench"
"""
    (home / "budwood.toml").write_text(settings, "utf-8")
    environment = create_process_environment(
        str(home), {"BUDWOOD_CONFIG_DIR": str(home), "BUDWOOD_DATA_DIR": str(home)}
    )
    budwood = [sys.executable, "-m", "budwood_cli"]
    subprocess.run([*budwood, "server", "db", "upgrade"], check=True, env=environment, cwd=home, capture_output=True)
    create = [*budwood, "server", "keys", "create", "bench", "--json"]
    made = subprocess.run(create, check=True, env=environment, cwd=home, capture_output=True, text=True)
    port = find_port()
    with run([*budwood, "serve", "--port", str(port)], home, environment) as process:
        yield wait("Budwood", port, json.loads(made.stdout)["key"], process)


@contextmanager
def run_litellm(upstream: str, home: Path) -> Iterator[Server]:
    """
    Run LiteLLM's proxy with a key and without a database.
    """
    python = get_python_path(prepare_environment(LITELLM))
    config = {
        "model_list": [
            {
                "model_name": "fast",
                "litellm_params": {"model": "openai/bench", "api_base": upstream, "api_key": "none"},
            }
        ],
        "general_settings": {"master_key": LITELLM_KEY},
    }
    file = home / "litellm.json"  # JSON is YAML
    file.write_text(json.dumps(config), "utf-8")
    port = find_port()
    options = ["--config", str(file), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    with run([str(python.parent / "litellm"), *options], home, {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}) as process:
        yield wait("LiteLLM's proxy", port, LITELLM_KEY, process)


@contextmanager
def run(program: Sequence[str], home: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """
    Run a server on the first core; its output is in a file of its home folder.
    """
    variables = create_process_environment(str(home), {"PYTHONPATH": str(ROOT), **environment})
    with (home / "output.txt").open("wb") as output, pin_to_core(0):
        process = subprocess.Popen(program, cwd=home, env=variables, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait(name: str, port: int, key: str, process: subprocess.Popen[bytes]) -> Server:
    """
    Return a server once it answers a chat.
    """
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with urlopen(Request(url, json.dumps(BODY).encode(), headers), timeout=30):
                return Server(name, url, key, process.pid)
        except (URLError, ConnectionError, TimeoutError) as error:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{name} does not answer: {error}") from error
            time.sleep(0.2)


def find_port() -> int:
    """
    Return a port that is free.
    """
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port


def is_on_one_core() -> bool:
    """
    Tell whether servers and clients share one core, so that rates mean nothing.
    """
    return hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) < 2
