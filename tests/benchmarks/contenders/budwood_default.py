"""Budwood over its default transport: the async client and the blocking client."""

from __future__ import annotations

from collections.abc import Iterator

import budwood
from tests.benchmarks.asking import QUESTION
from tests.benchmarks.contenders import budwood_aiohttp
from tests.benchmarks.contenders.budwood_aiohttp import MODEL
from tests.benchmarks.person import PERSON, Person
from tests.benchmarks.tools import TOOLS


class Client(budwood_aiohttp.Client):
    """
    One blocking client, one async client, and further ones with caches.
    """

    transport = "default"

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        self.blocking = self.create(cache=False)
        self.caching: dict[str, budwood.Client] = {}
        self.async_caching: budwood.AsyncClient | None = None

    def create(self, cache: str | bool) -> budwood.Client:
        """
        Create a blocking client.
        """
        return budwood.Client(MODEL, base_url=self.base_url, api_key="none", transport=self.transport, cache=cache)

    def sync_call(self) -> str:
        return self.blocking.ask(QUESTION).text

    def sync_structured(self) -> dict[str, object]:
        return self.blocking.ask(QUESTION, schema=Person).parsed.model_dump()

    def sync_dictionary(self) -> object:
        return self.blocking.ask(QUESTION, schema=PERSON).parsed

    def sync_tools(self) -> str:
        return self.blocking.ask(QUESTION, tools=TOOLS).text

    def sync_stream(self) -> Iterator[str]:
        with self.blocking.stream(QUESTION) as stream:
            yield from stream.text_deltas()

    def cached_memory(self) -> str:
        return self.from_cache("memory")

    def cached_sqlite(self) -> str:
        return self.from_cache("sqlite")

    def from_cache(self, cache: str) -> str:
        """
        Ask a client with a cache; the first call fills the cache.
        """
        if cache not in self.caching:
            self.caching[cache] = self.create(cache)
            self.caching[cache].ask(QUESTION)
        reply = self.caching[cache].ask(QUESTION)
        return reply.text if reply.cached else "not cached"

    async def async_cached_sqlite(self) -> str:
        if self.async_caching is None:
            self.async_caching = budwood.AsyncClient(
                MODEL, base_url=self.base_url, api_key="none", transport=self.transport, cache="sqlite"
            )
            await self.async_caching.ask(QUESTION)
        reply = await self.async_caching.ask(QUESTION)
        return reply.text if reply.cached else "not cached"

    async def aclose(self) -> None:
        await super().aclose()
        if self.async_caching is not None:
            await self.async_caching.close()

    def close(self) -> None:
        for client in (self.blocking, *self.caching.values()):
            client.close()
