"""Read what comes in rows: embeddings, models, verdicts."""

from __future__ import annotations

import array
import base64
import sys
from collections.abc import Mapping
from typing import Any

from budwood.errors import BadResponseError, UnsupportedError
from budwood.types import ImagePart, ModelInfo, ModerationRequest, ModerationResult, TextPart


def decode_vector(embedding: object) -> tuple[float, ...]:
    """
    Read a vector: numbers, or little-endian 32-bit floats in base64.

    Raises:
        BadResponseError: It is neither.
    """
    if isinstance(embedding, list):
        return tuple(embedding)
    if isinstance(embedding, str):
        numbers = array.array("f", base64.b64decode(embedding, validate=True))
        if sys.byteorder == "big":
            numbers.byteswap()
        return tuple(numbers)
    raise BadResponseError(f"An embedding is a {type(embedding).__name__}.")


def decode_model(row: Mapping[str, Any]) -> ModelInfo:
    """Read one model of the list; servers have several names for the size of its context window."""
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
    Write what is to be judged: a text, a list of texts, or the pieces of one content.

    Raises:
        UnsupportedError: There are several contents, and one of them is more than a text.
    """
    contents = request.contents
    texts = [content[0].text for content in contents if len(content) == 1 and isinstance(content[0], TextPart)]
    written: dict[str, Any] = {} if request.model is None else {"model": request.model}
    if len(texts) == len(contents):
        written["input"] = texts[0] if len(texts) == 1 else texts
    elif len(contents) == 1:
        written["input"] = [_piece(part) for part in contents[0]]
    else:
        raise UnsupportedError(
            "The vendor judges several texts in one request, but only one content that holds more than a text.",
            hint="Ask about each by itself.",
        )
    return written | request.extra


def _piece(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": part.data_url}}


def decode_verdict(row: Mapping[str, Any]) -> ModerationResult:
    """Read one verdict."""
    return ModerationResult(
        flagged=row["flagged"],
        categories=row.get("categories") or {},
        scores=row.get("category_scores") or {},
        applied_to={name: tuple(kinds) for name, kinds in (row.get("category_applied_input_types") or {}).items()},
    )
