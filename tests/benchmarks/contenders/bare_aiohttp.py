"""aiohttp with orjson: the cheapest option of an async program without a protocol of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import orjson

from tests.benchmarks.asking import BODY, STREAMED, STRUCTURED, TOOLS
from tests.benchmarks.person import Person

HEADERS = {"content-type": "application/json"}


class Client:
    """
    One session, created in its event loop.
    """

    def __init__(self, base_url: str) -> None:
        self.url = f"{base_url}/chat/completions"
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._session

    async def async_call(self) -> str:
        response = await self.session.post(self.url, data=orjson.dumps(BODY), headers=HEADERS)
        return orjson.loads(await response.read())["choices"][0]["message"]["content"]

    async def async_structured(self) -> dict[str, object]:
        response = await self.session.post(self.url, data=orjson.dumps(STRUCTURED), headers=HEADERS)
        content = orjson.loads(await response.read())["choices"][0]["message"]["content"]
        return Person.model_validate_json(content).model_dump()

    async def async_tools(self) -> str:
        response = await self.session.post(self.url, data=orjson.dumps(TOOLS), headers=HEADERS)
        return orjson.loads(await response.read())["choices"][0]["message"]["content"]

    async def async_stream(self) -> AsyncIterator[str]:
        async with self.session.post(self.url, data=orjson.dumps(STREAMED), headers=HEADERS) as response:
            async for line in response.content:
                data = line.strip()
                if not data or data == b"data: [DONE]":
                    continue
                choices = orjson.loads(data[6:])["choices"]
                if choices and (text := choices[0]["delta"].get("content")):
                    yield text

    async def async_many(self, count: int, in_flight: int) -> list[str]:
        free = asyncio.Semaphore(in_flight)

        async def call() -> str:
            async with free:
                return await self.async_call()

        return await asyncio.gather(*(call() for _ in range(count)))

    def close(self) -> None:
        """
        Do nothing; there is no blocking client.
        """

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
