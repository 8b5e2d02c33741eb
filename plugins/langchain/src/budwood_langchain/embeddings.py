"""Embeddings for LangChain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, NamedTuple

from langchain_core.embeddings import Embeddings
from pydantic import Field

from budwood_langchain.call_options import make_options
from budwood_langchain.clients import BudwoodComponent
from budwood_langchain.errors import langchain_errors


class BatchLimit(NamedTuple):
    """What one request may contain: the number of texts, and their bytes in UTF-8."""

    texts: int
    size: int


DEFAULT_LIMIT: Final = BatchLimit(1024, 300_000)
"""
The limit unless a vendor has a lower one.

OpenAI and Azure accept 2,048 texts and 300,000 tokens (CreateEmbeddingRequest in OpenAI's OpenAPI file, and in Azure's
of the v1 API). A text has no more tokens than bytes.
"""

LIMITS: Final = {
    # The API takes at most 100 texts in batchEmbedContents (HelixDB/helix-py#43, lancedb/lancedb#3618).
    "gemini": BatchLimit(100, 300_000),
    # The errors of the API: "Too many tokens in batch. Max is 16384" (aurelio-labs/semantic-router#297), and "Too many
    # inputs in request", code 3210, for more than 512 texts (raphaelmansuy/edgequake-llm#74).
    "mistral": BatchLimit(512, 16_000),
}
"""The limits of vendors, by the name of the provider."""


class BudwoodEmbeddings(BudwoodComponent, Embeddings):
    """
    An embedding model of any vendor, asked with a client of Budwood.

    .. code-block:: python

        embeddings = BudwoodEmbeddings(model="openai/text-embedding-3-small")
        vectors = embeddings.embed_documents(texts)

    Many texts are sent in several requests, each within the limit of the vendor.

    Attributes:
        dimensions: The length of the vectors, for models that support several.
        batch_size: The maximum number of texts in a request; by default that of the vendor.
    """

    dimensions: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts. The vectors are in their order."""
        if not texts:
            return []
        with langchain_errors():
            client, options = self.get_client(), self._make_options()
            replies = [client.embed(batch, dimensions=self.dimensions, **options) for batch in self._split(texts)]
        return [list(vector) for reply in replies for vector in reply.vectors]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts. The vectors are in their order."""
        if not texts:
            return []
        with langchain_errors():
            client, options = self.get_async_client(), self._make_options()
            replies = [await client.embed(batch, dimensions=self.dimensions, **options) for batch in self._split(texts)]
        return [list(vector) for reply in replies for vector in reply.vectors]

    def embed_query(self, text: str) -> list[float]:
        """Embed a text."""
        return self.embed_documents([text])[0]

    async def aembed_query(self, text: str) -> list[float]:
        """Embed a text."""
        return (await self.aembed_documents([text]))[0]

    def _make_options(self) -> dict[str, Any]:
        return {**make_options(self.options, {"model": self.model})}

    def _split(self, texts: list[str]) -> Iterator[list[str]]:
        """Yield batches of texts, in their order. One text that is longer than the limit is a batch of its own."""
        limit = LIMITS.get(self.get_address().partition("/")[0], DEFAULT_LIMIT)
        count = limit.texts if self.batch_size is None else self.batch_size
        batch: list[str] = []
        size = 0
        for text in texts:
            length = len(text.encode("utf-8", "replace"))
            if batch and (len(batch) == count or size + length > limit.size):
                yield batch
                batch, size = [], 0
            batch.append(text)
            size += length
        yield batch
