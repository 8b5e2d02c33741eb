"""aiohttp with orjson and Pydantic: a program that writes each row as it comes, and cannot resume."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import aiohttp
import orjson

from tests.benchmarks.generation_worker import FORMAT, Case, get_prompt
from tests.benchmarks.person import Person


def prepare(case: Case, address: str, folder: str) -> Callable[[], int]:
    """
    Return a function that sends the calls and writes the rows.
    """
    numbers = iter(range(case.rows))

    async def send(session: aiohttp.ClientSession, numbers: Iterator[int], file: BinaryIO) -> int:
        count = 0
        for number in numbers:
            messages = [{"role": "user", "content": get_prompt(number)}]
            body = orjson.dumps({"model": "bench", "messages": messages, "response_format": FORMAT})
            async with session.post(f"{address}/chat/completions", data=body) as response:
                content = orjson.loads(await response.read())["choices"][0]["message"]["content"]
            file.write(orjson.dumps(Person.model_validate_json(content).model_dump()) + b"\n")
            count += 1
        return count

    async def send_all(file: BinaryIO) -> int:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            return sum(await asyncio.gather(*(send(session, numbers, file) for _ in range(case.slots))))

    def create_rows() -> int:
        with Path(folder, "rows.jsonl").open("wb") as file:
            return asyncio.run(send_all(file))

    return create_rows
