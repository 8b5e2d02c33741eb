"""OpenAI's client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import openai

from tests.benchmarks.asking import MESSAGES, MODEL
from tests.benchmarks.person import Person

USAGE = {"include_usage": True}


class Client:
    """
    One blocking and one async client.
    """

    def __init__(self, base_url: str) -> None:
        self.blocking = openai.OpenAI(base_url=base_url, api_key="none")
        self.asynchronous = openai.AsyncOpenAI(base_url=base_url, api_key="none")

    def sync_call(self) -> str:
        return self.blocking.chat.completions.create(model=MODEL, messages=MESSAGES).choices[0].message.content

    async def async_call(self) -> str:
        reply = await self.asynchronous.chat.completions.create(model=MODEL, messages=MESSAGES)
        return reply.choices[0].message.content

    def sync_structured(self) -> dict[str, object]:
        reply = self.blocking.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Person)
        return reply.choices[0].message.parsed.model_dump()

    async def async_structured(self) -> dict[str, object]:
        reply = await self.asynchronous.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Person)
        return reply.choices[0].message.parsed.model_dump()

    def sync_stream(self) -> Iterator[str]:
        for chunk in self.blocking.chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options=USAGE
        ):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    async def async_stream(self) -> AsyncIterator[str]:
        async for chunk in await self.asynchronous.chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options=USAGE
        ):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    def close(self) -> None:
        self.blocking.close()

    async def aclose(self) -> None:
        await self.asynchronous.close()
