"""any-llm, with a client that is reused: its functions create one for each call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache

from any_llm import AnyLLM

from tests.benchmarks.asking import MESSAGES, MODEL
from tests.benchmarks.person import Person

USAGE = {"include_usage": True}


@cache
def create_client(base_url: str) -> AnyLLM:
    """
    Create the client of an address, and never close it.

    If it was garbage-collected, its sockets would close without the event loop noticing, which then waits forever for
    the next socket with the same number.
    """
    return AnyLLM.create("openai", api_key="none", api_base=base_url)


class Client:
    """
    One client for blocking and async calls.
    """

    def __init__(self, base_url: str) -> None:
        self.client = create_client(base_url)

    def sync_call(self) -> str:
        return self.client.completion(model=MODEL, messages=MESSAGES).choices[0].message.content

    async def async_call(self) -> str:
        return (await self.client.acompletion(model=MODEL, messages=MESSAGES)).choices[0].message.content

    def sync_structured(self) -> dict[str, object]:
        reply = self.client.completion(model=MODEL, messages=MESSAGES, response_format=Person)
        return reply.choices[0].message.parsed.model_dump()

    async def async_structured(self) -> dict[str, object]:
        reply = await self.client.acompletion(model=MODEL, messages=MESSAGES, response_format=Person)
        return reply.choices[0].message.parsed.model_dump()

    def sync_stream(self) -> Iterator[str]:
        for chunk in self.client.completion(model=MODEL, messages=MESSAGES, stream=True, stream_options=USAGE):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    async def async_stream(self) -> AsyncIterator[str]:
        async for chunk in await self.client.acompletion(
            model=MODEL, messages=MESSAGES, stream=True, stream_options=USAGE
        ):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    def close(self) -> None:
        """
        Do nothing; see `create_client`.
        """

    async def aclose(self) -> None:
        """
        Do nothing.
        """
