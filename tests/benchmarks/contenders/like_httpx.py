"""A client of httpx or httpx2, which have the same API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import ClassVar

from tests.benchmarks.asking import BODY, STREAMED, STRUCTURED, TOOLS
from tests.benchmarks.person import Person

TIMEOUT = 600.0
"""The timeout of the other contenders: with 1,000 calls in flight, calls take over five seconds."""


class HTTPXClient:
    """
    One blocking and one async client, with enough connections for 1,000 concurrent calls.
    """

    library: ClassVar[ModuleType]

    def __init__(self, base_url: str) -> None:
        self.url = f"{base_url}/chat/completions"
        limits = self.library.Limits(max_connections=1000, max_keepalive_connections=1000)
        self.blocking = self.library.Client(limits=limits, timeout=TIMEOUT)
        self.asynchronous = self.library.AsyncClient(limits=limits, timeout=TIMEOUT)

    def sync_call(self) -> str:
        return self.blocking.post(self.url, json=BODY).json()["choices"][0]["message"]["content"]

    async def async_call(self) -> str:
        response = await self.asynchronous.post(self.url, json=BODY)
        return response.json()["choices"][0]["message"]["content"]

    def sync_structured(self) -> dict[str, object]:
        content = self.blocking.post(self.url, json=STRUCTURED).json()["choices"][0]["message"]["content"]
        return Person.model_validate_json(content).model_dump()

    async def async_structured(self) -> dict[str, object]:
        response = await self.asynchronous.post(self.url, json=STRUCTURED)
        return Person.model_validate_json(response.json()["choices"][0]["message"]["content"]).model_dump()

    def sync_tools(self) -> str:
        return self.blocking.post(self.url, json=TOOLS).json()["choices"][0]["message"]["content"]

    async def async_tools(self) -> str:
        response = await self.asynchronous.post(self.url, json=TOOLS)
        return response.json()["choices"][0]["message"]["content"]

    def sync_stream(self) -> Iterator[str]:
        with self.blocking.stream("POST", self.url, json=STREAMED) as response:
            for line in response.iter_lines():
                if text := text_of(line):
                    yield text

    async def async_stream(self) -> AsyncIterator[str]:
        async with self.asynchronous.stream("POST", self.url, json=STREAMED) as response:
            async for line in response.aiter_lines():
                if text := text_of(line):
                    yield text

    def close(self) -> None:
        self.blocking.close()

    async def aclose(self) -> None:
        await self.asynchronous.aclose()


def text_of(line: str) -> str:
    """
    Return the text of one line of a stream.
    """
    if not line.startswith("data: ") or line == "data: [DONE]":
        return ""
    choices = json.loads(line[6:])["choices"]
    return choices[0]["delta"].get("content", "") if choices else ""
