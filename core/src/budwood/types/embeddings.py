"""Embeddings of texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from budwood.types.record import JSON, Record
from budwood.types.responses import ServiceResponse

Vectors = tuple[tuple[float, ...], ...]


def _validate_vectors(vectors: object, validate: ValidatorFunctionWrapHandler) -> Vectors:
    """Accept tuples, which decoders build, without validation. Values from JSON are validated."""
    return vectors if isinstance(vectors, tuple) else validate(vectors)


class EmbeddingRequest(Record):
    """Texts to embed. ``dimensions`` is the length of the vectors, for models that support several."""

    model: str
    texts: tuple[str, ...]
    dimensions: int | None = None
    extra: dict[str, JSON] = Field(default_factory=dict)


class EmbeddingResponse(ServiceResponse):
    """One vector for each text, in order."""

    vectors: Annotated[Vectors, WrapValidator(_validate_vectors)] = Field(repr=False)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield the number of vectors and their length instead of the vectors."""
        yield None, f"{len(self.vectors)} vectors of {len(self.vectors[0]) if self.vectors else 0} numbers"
        yield from super().__repr_args__()
