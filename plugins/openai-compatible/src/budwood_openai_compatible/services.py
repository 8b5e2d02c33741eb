"""Decode embeddings, models and moderation results, and encode moderation requests."""

from __future__ import annotations

import array
import base64
import sys
from collections.abc import Mapping
from typing import Any

from budwood.errors import BadResponseError, UnsupportedError
from budwood.types import ImagePart, ModelInfo, ModerationRequest, ModerationResult, TextPart


def parse_vector(embedding: object) -> tuple[float, ...]:
    """
    Parse a vector: a list of numbers, or little-endian 32-bit floats in base64.

    Raises:
        BadResponseError: The vector has another type.
    """
    if isinstance(embedding, list):
        return tuple(embedding)
    if isinstance(embedding, str):
        numbers = array.array("f", base64.b64decode(embedding, validate=True))
        if sys.byteorder == "big":
            numbers.byteswap()
        return tuple(numbers)
    raise BadResponseError(f"The reply has an embedding of the type {type(embedding).__name__}, not a list or base64.")


def decode_model(row: Mapping[str, Any]) -> ModelInfo:
    """Decode one model. Servers have several names for the size of the context window."""
    window = row.get("context_window") or row.get("context_length") or row.get("max_model_len")
    created = row.get("created")
    owner = row.get("owned_by")
    return ModelInfo(
        id=str(row.get("id") or row.get("name") or row.get("model") or ""),
        created=created if isinstance(created, int) else None,
        owned_by=owner if isinstance(owner, str) else None,
        context_window=window if isinstance(window, int) else None,
        raw=dict(row),
    )


def encode_moderation(request: ModerationRequest) -> dict[str, Any]:
    """
    Return the body of a moderation request: a text, a list of texts, or the parts of one input.

    Raises:
        UnsupportedError: There are several inputs, and one of them contains more than a text.
    """
    contents = request.contents
    texts = [content[0].text for content in contents if len(content) == 1 and isinstance(content[0], TextPart)]
    body: dict[str, Any] = {} if request.model is None else {"model": request.model}
    if len(texts) == len(contents):
        body["input"] = texts[0] if len(texts) == 1 else texts
    elif len(contents) == 1:
        body["input"] = [_encode_part(part) for part in contents[0]]
    else:
        raise UnsupportedError(
            "OpenAI moderates several texts in one request, but only one input with images.",
            hint="Call moderate() for each input separately.",
        )
    return body | request.extra


def _encode_part(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": part.data_url}}


def decode_moderation_result(row: Mapping[str, Any]) -> ModerationResult:
    """Decode one moderation result."""
    return ModerationResult(
        flagged=row["flagged"],
        categories=row.get("categories") or {},
        scores=row.get("category_scores") or {},
        applied_to={name: tuple(kinds) for name, kinds in (row.get("category_applied_input_types") or {}).items()},
    )
