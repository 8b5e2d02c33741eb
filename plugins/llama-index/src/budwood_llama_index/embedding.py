"""Any embedding model of Budwood in LlamaIndex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.bridge.pydantic import Field, model_validator

from budwood.types import EmbeddingResponse
from budwood_llama_index.component import BudwoodComponent

_UNSET: Final = "unknown"
"""LlamaIndex's name of a model without a name."""


class BudwoodEmbedding(BudwoodComponent, BaseEmbedding):
    """
    Embeds texts with any embedding model that Budwood supports.

    A batch is one request. With a cache, Budwood sends only texts without a stored vector.

    Args:
        model: ``provider/model``; by default the one in Budwood's settings.
        dimensions: The length of the vectors, for models that support several.
        embed_batch_size: How many texts are sent in one request.
        options: Further options of each call, such as ``{"label": "index"}``; see `budwood.engine.ServiceOptions`.
        client: A `budwood.Client` for blocking methods, which you close. By default one is created.
        async_client: A `budwood.AsyncClient` for async methods; likewise. With only a ``client``, they run in threads.
        api_key: The key for the provider of ``model``, or a list of several; by default the one in the settings. It is
            never shown, pickled or serialized.
        base_url: The address of the provider of ``model``.
        **kwargs: Arguments of all embedding models of LlamaIndex: ``num_workers``, ``embeddings_cache``, ….

    Raises:
        ConfigurationError: An argument is not known, or contradicts another.
    """

    dimensions: int | None = Field(default=None, description="The length of the vectors.", gt=0)
    embed_batch_size: int = Field(default=100, description="Texts in one request.", gt=0, le=2048)

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the class in serialized components."""
        return "BudwoodEmbedding"

    @model_validator(mode="before")
    @classmethod
    def _read_model(cls, data: object) -> object:
        if not isinstance(data, Mapping) or "model" not in data:
            return data
        others = {name: value for name, value in data.items() if name != "model"}
        return others if data["model"] is None else {**others, "model_name": data["model"]}

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._get_text_embeddings([query])[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return (await self._aget_text_embeddings([query]))[0]

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_text_embeddings(self, texts: Sequence[str]) -> list[Embedding]:
        return _list_vectors(self._clients.blocking.embed(texts, **self._make_options({})))

    async def _aget_text_embeddings(self, texts: Sequence[str]) -> list[Embedding]:
        return _list_vectors(await self._clients.asynchronous.embed(texts, **self._make_options({})))

    def _get_model(self) -> str | None:
        return None if self.model_name == _UNSET else self.model_name

    def _get_defaults(self) -> dict[str, Any]:
        return {"dimensions": self.dimensions}


def _list_vectors(response: EmbeddingResponse) -> list[Embedding]:
    return [list(vector) for vector in response.vectors]
