"""
Measure the gateway beside a bare relay and LiteLLM's proxy, each with one worker.

Without options everything is measured, in about ten minutes, and docs/benchmarks/gateway.md is rewritten. A missed
target fails the run.

Usage: python -m tests.benchmarks.gateway.run [--quick]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.gateway.load import Load, read_memory_mb, send_load
from tests.benchmarks.gateway.page import Figures, check_targets, format_tables, write_page
from tests.benchmarks.gateway.servers import LITELLM, Server, run_gateway, run_litellm, run_relay
from tests.benchmarks.gateway.streams import open_streams
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.processes import pin_to_core, run_server

ROUNDS = 7
SECONDS = 8.0
QUICK_ROUNDS = 2
QUICK_SECONDS = 2.0
CONNECTIONS = 50
WARM_UP_SECONDS = 1.0
STREAMS = 500
CHUNKS = 50
MEMORY_REQUESTS = 300_000
EARLY_REQUESTS = 20_000
"""The requests after which the memory is read first: until then caches and pools fill."""

QUICK_MEMORY = (20_000, 5_000)


def measure(upstream: str, *, quick: bool) -> dict[str, Figures]:
    """
    Measure all servers in turn, round by round.
    """
    with ExitStack() as stack:
        starts = [run_relay, run_gateway, *(() if quick else (run_litellm,))]
        homes = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in starts]
        servers = [
            stack.enter_context(start(f"{upstream}/v1", home)) for start, home in zip(starts, homes, strict=True)
        ]
        direct = Server("direct", f"{upstream}/v1/chat/completions", "", servers[0].pid)
        figures = {server.name: Figures() for server in (direct, *servers)}
        seconds, rounds = (QUICK_SECONDS, QUICK_ROUNDS) if quick else (SECONDS, ROUNDS)
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            for server in rotate((direct, *servers), number):
                send(server, CONNECTIONS, WARM_UP_SECONDS)
                figures[server.name].busy.append(send(server, CONNECTIONS, seconds))
                figures[server.name].single.append(send(server, 1, seconds / 2))
        gateway = servers[1]
        ours = figures[gateway.name]
        ours.streams = stream(upstream)
        measure_memory(gateway, ours, *(QUICK_MEMORY if quick else (MEMORY_REQUESTS, EARLY_REQUESTS)))
        for server in servers:
            figures[server.name].memory_mb = read_memory_mb(server.pid)
    return figures


def rotate(servers: Sequence[Server], number: int) -> list[Server]:
    """
    Return servers in another order in each round.
    """
    first = number % len(servers)
    return [*servers[first:], *servers[:first]]


def send(server: Server, connections: int, seconds: float) -> Load:
    """
    Send requests to a server, on the last core.
    """
    with pin_to_core(-1):
        load = send_load(server.url, server.key, server.pid, connections=connections, seconds=seconds)
    if load.failures:
        raise RuntimeError(f"{server.name}: {load.failures} of {load.requests} requests failed")
    return load


def stream(upstream: str) -> float:
    """
    Open streams at once through a gateway of their own; return the share of them that arrived completely.
    """
    slow = f"{upstream}/chunks-{CHUNKS}-delay-20/v1"
    with tempfile.TemporaryDirectory() as folder, run_gateway(slow, Path(folder)) as server:
        found = open_streams(server.url, server.key, STREAMS, CHUNKS)
    return found.complete / STREAMS


def measure_memory(server: Server, figures: Figures, requests: int, early: int) -> None:
    """
    Read the memory of a server after some requests, and after many.
    """
    sent = 0
    first = 0.0
    while sent < requests:
        sent += send(server, CONNECTIONS, 5.0 if requests == MEMORY_REQUESTS else 2.0).requests
        if not first and sent >= early:
            first = read_memory_mb(server.pid)
    figures.growth = read_memory_mb(server.pid) / first - 1
    figures.sent = sent


def main() -> None:
    """
    Measure, and print or write the tables.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short rounds without LiteLLM and targets")
    quick = parser.parse_args().quick
    with run_server() as upstream:
        figures = measure(upstream, quick=quick)
    if quick:
        print(format_tables(figures))
        return
    targets = check_targets(figures)
    write_page(figures, targets, describe_machine([LITELLM]))
    failed = [target.name for target in targets if not target.is_met]
    if failed:
        raise SystemExit(f"missed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
