"""Pydantic AI's agent, with OpenAI's chat model."""

from __future__ import annotations

from collections.abc import AsyncIterator

import openai
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.benchmarks.asking import MODEL, QUESTION
from tests.benchmarks.person import Person


class Client:
    """
    An agent for text and one for structured output, with one HTTP client. Blocking calls run an event loop.
    """

    def __init__(self, base_url: str) -> None:
        self.client = openai.AsyncOpenAI(base_url=base_url, api_key="none")
        model = OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=self.client))
        self.agent = Agent(model)
        self.structured = Agent(model, output_type=NativeOutput(Person))

    def sync_call(self) -> str:
        return self.agent.run_sync(QUESTION).output

    async def async_call(self) -> str:
        return (await self.agent.run(QUESTION)).output

    def sync_structured(self) -> dict[str, object]:
        return self.structured.run_sync(QUESTION).output.model_dump()

    async def async_structured(self) -> dict[str, object]:
        return (await self.structured.run(QUESTION)).output.model_dump()

    async def async_stream(self) -> AsyncIterator[str]:
        async with self.agent.run_stream(QUESTION) as reply:
            async for text in reply.stream_text(delta=True, debounce_by=None):
                yield text

    def close(self) -> None:
        """
        Do nothing; there is no blocking client.
        """

    async def aclose(self) -> None:
        await self.client.close()
