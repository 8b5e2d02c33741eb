"""Budwood's async client over aiohttp."""

from __future__ import annotations

from collections.abc import AsyncIterator

import budwood
from tests.benchmarks.asking import QUESTION
from tests.benchmarks.person import PERSON, Person
from tests.benchmarks.tools import TOOLS

MODEL = "openai-compatible/bench"


class Client:
    """
    One async client.
    """

    transport = "aiohttp"

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.asynchronous = budwood.AsyncClient(
            MODEL, base_url=base_url, api_key="none", transport=self.transport, cache=False
        )

    async def async_call(self) -> str:
        return (await self.asynchronous.ask(QUESTION)).text

    async def async_structured(self) -> dict[str, object]:
        return (await self.asynchronous.ask(QUESTION, schema=Person)).parsed.model_dump()

    async def async_dictionary(self) -> object:
        return (await self.asynchronous.ask(QUESTION, schema=PERSON)).parsed

    async def async_tools(self) -> str:
        return (await self.asynchronous.ask(QUESTION, tools=TOOLS)).text

    async def async_stream(self) -> AsyncIterator[str]:
        async with self.asynchronous.stream(QUESTION) as stream:
            async for text in stream.text_deltas():
                yield text

    async def async_many(self, count: int, in_flight: int) -> list[str]:
        replies = await self.asynchronous.ask_many([QUESTION] * count, concurrency=in_flight).in_order()
        return [reply.text if isinstance(reply, budwood.ChatResponse) else str(reply) for reply in replies]

    def close(self) -> None:
        """
        Do nothing; there is no blocking client.
        """

    async def aclose(self) -> None:
        await self.asynchronous.close()
