"""Budwood's client alone: as many calls, without a plan, a journal and an output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from tests.benchmarks.generation_worker import SCHEMA, Case, get_prompt
from tests.benchmarks.generators.budwood_run import create_settings


def prepare(case: Case, address: str, folder: str) -> Callable[[], int]:
    """
    Return a function that sends the calls.
    """
    from budwood import AsyncClient

    numbers = iter(range(case.rows))

    async def send(client: AsyncClient, numbers: Iterator[int]) -> int:
        count = 0
        for number in numbers:
            await client.ask(get_prompt(number), schema=SCHEMA)
            count += 1
        return count

    async def send_all() -> int:
        async with AsyncClient("local/bench", settings=create_settings(address)) as client:
            return sum(await asyncio.gather(*(send(client, numbers) for _ in range(case.slots))))

    return lambda: asyncio.run(send_all())
