"""Budwood over its default transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import budwood
from tests.benchmarks.asking import QUESTION
from tests.benchmarks.person import Person

MODEL = "openai-compatible/bench"


class Client:
    """
    One client of each kind.
    """

    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, base_url: str) -> None:
        given: dict[str, Any] = {"base_url": base_url, "api_key": "none", **self.options}
        self.given = given
        self.blocking = budwood.Client(MODEL, **given)
        self.asynchronous = budwood.AsyncClient(MODEL, **given)
        self.caching: dict[str, budwood.Client] = {}

    def sync_call(self) -> str:
        return self.blocking.ask(QUESTION).text

    async def async_call(self) -> str:
        return (await self.asynchronous.ask(QUESTION)).text

    def sync_structured(self) -> dict[str, object]:
        return self.blocking.ask(QUESTION, schema=Person).parsed.model_dump()

    async def async_structured(self) -> dict[str, object]:
        return (await self.asynchronous.ask(QUESTION, schema=Person)).parsed.model_dump()

    def sync_stream(self) -> Iterator[str]:
        with self.blocking.stream(QUESTION) as stream:
            yield from stream.text_deltas()

    async def async_stream(self) -> AsyncIterator[str]:
        async with self.asynchronous.stream(QUESTION) as stream:
            async for text in stream.text_deltas():
                yield text

    async def async_many(self, count: int, in_flight: int) -> list[str]:
        replies = await self.asynchronous.ask_many([QUESTION] * count, concurrency=in_flight)
        return [reply.text if isinstance(reply, budwood.ChatResponse) else str(reply) for reply in replies]

    def cached_memory(self) -> str:
        return self.from_cache("memory")

    def cached_sqlite(self) -> str:
        return self.from_cache("sqlite")

    def from_cache(self, cache: str) -> str:
        """
        Ask a client with a cache; the first time it fills it.
        """
        if cache not in self.caching:
            self.caching[cache] = budwood.Client(MODEL, cache=cache, **self.given)
            self.caching[cache].ask(QUESTION)
        reply = self.caching[cache].ask(QUESTION)
        return reply.text if reply.cached else "not cached"

    def close(self) -> None:
        self.blocking.close()
        for client in self.caching.values():
            client.close()

    async def aclose(self) -> None:
        await self.asynchronous.close()
