"""LangChain's chat model for OpenAI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cached_property

from langchain_core.caches import InMemoryCache
from langchain_openai import ChatOpenAI

from tests.benchmarks.asking import MODEL, QUESTION
from tests.benchmarks.person import Person


class Client:
    """
    One chat model for blocking and async calls.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.chat = self.create()

    def create(self, **options: object) -> ChatOpenAI:
        """
        Create a chat model that requests usage, as the others do.
        """
        return ChatOpenAI(model=MODEL, base_url=self.base_url, api_key="none", stream_usage=True, **options)

    @cached_property
    def structured(self):
        return self.chat.with_structured_output(Person, method="json_schema")

    @cached_property
    def caching(self) -> ChatOpenAI:
        return self.create(cache=InMemoryCache())

    def sync_call(self) -> str:
        return self.chat.invoke(QUESTION).content

    async def async_call(self) -> str:
        return (await self.chat.ainvoke(QUESTION)).content

    def sync_structured(self) -> dict[str, object]:
        return self.structured.invoke(QUESTION).model_dump()

    async def async_structured(self) -> dict[str, object]:
        return (await self.structured.ainvoke(QUESTION)).model_dump()

    def sync_stream(self) -> Iterator[str]:
        for chunk in self.chat.stream(QUESTION):
            if chunk.content:
                yield chunk.content

    async def async_stream(self) -> AsyncIterator[str]:
        async for chunk in self.chat.astream(QUESTION):
            if chunk.content:
                yield chunk.content

    def cached_memory(self) -> str:
        return self.caching.invoke(QUESTION).content

    def close(self) -> None:
        """
        Do nothing; all chat models of an address share their HTTP clients.
        """

    async def aclose(self) -> None:
        """
        Do nothing.
        """
