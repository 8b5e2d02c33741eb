"""
Print where the CPU time of one call goes.

Each layer is measured separately: the transport with an encoded call, the engine with a transport that answers
immediately, the provider's encoding and decoding alone. The rest is the engine's. Then comes the output of cProfile,
which overstates the cost of small functions.

Usage: python -m tests.benchmarks.profiling [--calls N]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import io
import pstats
import time
from collections.abc import Awaitable, Callable
from typing import Final

from budwood.hooks import TRANSPORT
from budwood.plugins import Instances
from budwood.settings import Settings
from tests.benchmarks.figures import Spread, compute_spread
from tests.benchmarks.layers import AsyncLayers, BlockingLayers, Layers
from tests.benchmarks.processes import pin_to_core, run_server
from tests.benchmarks.report import format_number, format_table

LANES: Final = 32
ROUNDS: Final = 5
TOP: Final = 25


def time_calls(run: Callable[[], object], calls: int) -> float:
    """
    Run a function `calls` times, and return the CPU microseconds per call.
    """
    began = time.process_time()
    for _ in range(calls):
        run()
    return (time.process_time() - began) / calls * 1e6


async def time_async_calls(run: Callable[[], Awaitable[object]], calls: int, lanes: int) -> float:
    """
    Run a coroutine function `calls` times, in concurrent lanes, and return the CPU microseconds per call.
    """
    remaining = iter(range(calls))

    async def lane() -> None:
        for _ in remaining:
            await run()

    began = time.process_time()
    await asyncio.gather(*(lane() for _ in range(lanes)))
    return (time.process_time() - began) / calls * 1e6


def measure_blocking_costs(layers: BlockingLayers, calls: int) -> dict[str, Spread]:
    """
    Measure the parts in rounds.
    """
    layers.record()
    parts = list(layers.parts())
    found: dict[str, list[float]] = {name: [] for name, *_ in parts}
    for _, run, _ in parts:
        time_calls(run, 10)
    for _ in range(ROUNDS):
        for name, run, _ in parts:
            found[name].append(time_calls(run, calls))
    for _, _, end in parts:
        end()
    return {name: compute_spread(samples) for name, samples in found.items()}


async def measure_async_costs(layers: AsyncLayers, calls: int, lanes: int) -> dict[str, Spread]:
    """
    Measure the parts in rounds.
    """
    await layers.record()
    parts = list(layers.parts())
    found: dict[str, list[float]] = {name: [] for name, *_ in parts}
    for _, run, _ in parts:
        await time_async_calls(run, 2 * lanes, lanes)
    for _ in range(ROUNDS):
        for name, run, _ in parts:
            found[name].append(await time_async_calls(run, calls, lanes))
    for _, _, end in parts:
        await end()
    return {name: compute_spread(samples) for name, samples in found.items()}


def measure_provider_costs(layers: Layers, calls: int) -> dict[str, Spread]:
    """
    Measure the provider's encoding and decoding.
    """
    return {
        "encode": compute_spread([time_calls(layers.encode, calls) for _ in range(ROUNDS)]),
        "decode": compute_spread([time_calls(layers.decode, calls) for _ in range(ROUNDS)]),
    }


def format_breakdown(found: dict[str, Spread]) -> str:
    """
    Format the costs as a table, with their shares of a call.
    """
    medians = {name: one.median for name, one in found.items()}
    engine = medians["engine and provider"] - medians["encode"] - medians["decode"]
    parts = {
        "transport, alone": medians["transport"],
        "engine: the rest of a call whose transport answers at once": engine,
        "provider: encode": medians["encode"],
        "provider: decode": medians["decode"],
    }
    total = medians["whole call"]
    parts["interaction of the parts"] = total - sum(parts.values())
    rows = [[name, format_number(value), f"{value / total:.0%}"] for name, value in parts.items()]
    return format_table(["", "CPU µs", "share"], [*rows, ["whole call", format_number(total), "100%"]])


def profile_functions(run: Callable[[], object]) -> str:
    """
    Return the functions with the most time of their own.
    """
    profile = cProfile.Profile()
    profile.enable()
    run()
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(TOP)
    return text.getvalue().strip()


def print_profile(title: str, costs: dict[str, Spread], profiled: str) -> None:
    """
    Print the profile of one kind of call.
    """
    print(f"\n## {title}\n\n{format_breakdown(costs)}\n")
    print(f"The {TOP} functions with the most time of their own. cProfile overstates the time of small functions.\n")
    print(profiled)


def profile_blocking(base_url: str, calls: int) -> None:
    """
    Profile blocking calls.
    """
    for title, streamed, count in (("sync call", False, calls), ("sync stream of 200 chunks", True, calls // 10)):
        layers = BlockingLayers(base_url, "default", streamed=streamed)
        costs = measure_blocking_costs(layers, count) | measure_provider_costs(layers, count)
        (_, run, end), *_ = layers.parts()
        time_calls(run, 10)
        print_profile(
            f"A {title}, over the default transport",
            costs,
            profile_functions(lambda run=run, count=count: time_calls(run, count)),
        )
        end()


def profile_async(base_url: str, transport: str, calls: int) -> None:
    """
    Profile async calls over a transport.
    """
    kinds = (
        (f"An async call, {LANES} in flight", False, calls, LANES),
        ("An async stream of 200 chunks", True, calls // 10, 1),
    )
    for title, streamed, count, lanes in kinds:
        with asyncio.Runner() as runner:
            layers = AsyncLayers(base_url, transport, streamed=streamed)
            costs = runner.run(measure_async_costs(layers, count, lanes)) | measure_provider_costs(layers, count)
            (_, run, end), *_ = layers.parts()
            runner.run(time_async_calls(run, 2 * lanes, lanes))
            profiled = profile_functions(lambda: runner.run(time_async_calls(run, count, lanes)))  # noqa: B023 - called at once
            runner.run(end())
            print_profile(f"{title}, over {transport}", costs, profiled)


def list_transports() -> list[str]:
    """
    Return the names of the installed async transports.
    """
    instances = Instances(Settings.load())
    return [name for name in ("default", "aiohttp", "httptools") if instances.registry.inventory.find(TRANSPORT, name)]


def main() -> None:
    """
    Measure and print.
    """
    parser = argparse.ArgumentParser(description="Print where the CPU time of one call goes.")
    parser.add_argument("--calls", type=int, default=1000, help="how many calls a round makes; of streams, a tenth")
    calls = parser.parse_args().calls
    with run_server() as address, pin_to_core(0):
        profile_blocking(f"{address}/v1", calls)
        for transport in list_transports():
            profile_async(f"{address}/v1", transport, calls)


if __name__ == "__main__":
    main()
