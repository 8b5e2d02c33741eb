import asyncio

import pytest

from tests.benchmarks import profiling
from tests.benchmarks.figures import Spread
from tests.benchmarks.layers import AsyncLayers, BlockingLayers
from tests.benchmarks.processes import run_server


@pytest.fixture(scope="module")
def base_url():
    """
    The benchmark server, in a separate process.
    """
    with run_server() as address:
        yield f"{address}/v1"


@pytest.mark.parametrize("streamed", [False, True])
def test_parts_of_a_blocking_call_run_separately(base_url, streamed):
    """
    The transport, the engine and the provider are measured with recorded replies.
    """
    layers = BlockingLayers(base_url, "default", streamed=streamed)
    costs = profiling.measure_blocking_costs(layers, 2) | profiling.measure_provider_costs(layers, 2)

    assert set(costs) == {"whole call", "transport", "engine and provider", "encode", "decode"}
    assert b"".join(layers.chunks)


@pytest.mark.parametrize("transport", profiling.list_transports())
@pytest.mark.parametrize("streamed", [False, True])
def test_parts_of_an_async_call_run_separately(base_url, transport, streamed):
    """
    The parts run over every installed transport.
    """
    layers = AsyncLayers(base_url, transport, streamed=streamed)
    costs = asyncio.run(profiling.measure_async_costs(layers, 4, 2))

    assert set(costs) == {"whole call", "transport", "engine and provider"}
    assert b"".join(layers.chunks)


def test_breakdown_adds_up_to_the_call():
    """
    The difference between a call and its parts has a row of its own.
    """
    costs = {"whole call": 100.0, "transport": 50.0, "engine and provider": 30.0, "encode": 4.0, "decode": 6.0}

    table = profiling.format_breakdown({name: Spread(cost, cost, cost) for name, cost in costs.items()})

    assert "| engine: the rest of a call whose transport answers at once | 20 | 20% |" in table
    assert "| interaction of the parts | 20 | 20% |" in table
