"""LiteLLM's functions, which reuse HTTP clients internally."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import litellm

from tests.benchmarks.asking import MESSAGES, MODEL, Unavailable
from tests.benchmarks.person import Person

USAGE = {"include_usage": True}
litellm.suppress_debug_info = True


class Client:
    """
    The arguments of each call.
    """

    def __init__(self, base_url: str) -> None:
        self.arguments = {
            "model": f"openai/{MODEL}",
            "messages": MESSAGES,
            "api_base": base_url,
            "api_key": "none",
        }

    def sync_call(self) -> str:
        return litellm.completion(**self.arguments).choices[0].message.content

    async def async_call(self) -> str:
        return (await litellm.acompletion(**self.arguments)).choices[0].message.content

    def sync_structured(self) -> dict[str, object]:
        reply = litellm.completion(response_format=Person, **self.arguments)
        return Person.model_validate_json(reply.choices[0].message.content).model_dump()

    async def async_structured(self) -> dict[str, object]:
        reply = await litellm.acompletion(response_format=Person, **self.arguments)
        return Person.model_validate_json(reply.choices[0].message.content).model_dump()

    def sync_stream(self) -> Iterator[str]:
        for chunk in litellm.completion(stream=True, stream_options=USAGE, **self.arguments):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    async def async_stream(self) -> AsyncIterator[str]:
        async for chunk in await litellm.acompletion(stream=True, stream_options=USAGE, **self.arguments):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    def cached_memory(self) -> str:
        if litellm.cache is None:
            litellm.cache = litellm.Cache(type="local")
        try:
            return litellm.completion(caching=True, **self.arguments).choices[0].message.content
        except ModuleNotFoundError as error:
            raise Unavailable(f"a hit needs {error.name}, which it does not install") from None

    def close(self) -> None:
        """
        Do nothing; LiteLLM owns the HTTP clients.
        """

    async def aclose(self) -> None:
        """
        Do nothing.
        """
