"""DSPy's language model, which calls LiteLLM and caches replies itself."""

from __future__ import annotations

import dspy

from tests.benchmarks.asking import MODEL, QUESTION


class Client:
    """
    One language model without a cache, and one with a cache in memory.
    """

    def __init__(self, base_url: str) -> None:
        dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=True)
        options = {"api_base": base_url, "api_key": "none"}
        self.plain = dspy.LM(f"openai/{MODEL}", cache=False, **options)
        self.caching = dspy.LM(f"openai/{MODEL}", cache=True, **options)

    def sync_call(self) -> str:
        return self.plain(QUESTION)[0]

    async def async_call(self) -> str:
        return (await self.plain.acall(QUESTION))[0]

    def cached_memory(self) -> str:
        return self.caching(QUESTION)[0]

    def close(self) -> None:
        """
        Do nothing; LiteLLM owns the HTTP clients.
        """

    async def aclose(self) -> None:
        """
        Do nothing.
        """
