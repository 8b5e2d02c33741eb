"""
Requests for embeddings, and the replies.

Source: OpenAI's API description, ``CreateEmbeddingRequest`` and ``CreateEmbeddingResponse``.
"""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood_server.formats.openai.foreign_fields import translate_field
from budwood_server.formats.openai.text_prompts import read_input
from budwood_server.gateway.plan import add_tags
from budwood_server.web.problems import reject, reject_unsupported

if TYPE_CHECKING:
    from budwood.types import EmbeddingResponse
    from budwood_server.gateway.plan import CallPlan

_READ_APART: Final = frozenset({"input", "encoding_format"})


class EmbeddingCall(NamedTuple):
    """
    A request for embeddings, as the core takes it.

    Attributes:
        texts: The texts.
        options: The options of the call.
        is_base64: Whether vectors are answered as little-endian 32-bit floats in base64.
    """

    texts: list[str]
    options: dict[str, Any]
    is_base64: bool


def read_embedding(body: dict[str, Any], plan: CallPlan) -> EmbeddingCall:
    """
    Read the body of a request, without ``model`` and ``budwood``.

    Raises:
        ProblemError: A field is not valid, or cannot be translated for the model.
    """
    is_native = plan.api == "openai"
    given = read_input(body.get("input"), "input")
    extra: dict[str, Any] = {}
    if not given.is_plain:
        if not is_native:
            raise reject_unsupported("input", "tokens and empty texts have no equivalent", hint="Send texts.")
        extra["input"] = body["input"]
    encoding = body.get("encoding_format")
    if encoding not in (None, "float", "base64"):
        raise reject("The field 'encoding_format' must be 'float' or 'base64'.", param="encoding_format")
    if is_native and encoding is not None:
        extra["encoding_format"] = encoding
    for name, value in body.items():
        if name not in _READ_APART:
            _add(name, value, plan, extra, is_native=is_native)
    if extra:
        plan.options["extra"] = extra
    return EmbeddingCall(given.texts, plan.options, encoding == "base64")


def _add(name: str, value: object, plan: CallPlan, extra: dict[str, Any], *, is_native: bool) -> None:
    if name == "user":
        add_tags(plan, name, value)
    if name == "dimensions" and type(value) is int and value >= 1:
        plan.options["dimensions"] = value
    elif is_native:
        extra[name] = value
    elif name == "dimensions" and value is not None:
        raise reject("The field 'dimensions' must be a number of 1 or more.", param="dimensions")
    elif name != "user" and value is not None:
        extra |= translate_field(name, value, plan)


def has_numbers(response: EmbeddingResponse) -> bool:
    """Tell whether a vendor of the same API sent lists of numbers."""
    rows = response.raw.get("data") if isinstance(response.raw, dict) else None
    return isinstance(rows, list) and all(
        isinstance(row, dict) and isinstance(row.get("embedding"), list) for row in rows
    )


def encode_embeddings(response: EmbeddingResponse, model: str, *, is_base64: bool) -> dict[str, Any]:
    """
    Return the body of a reply.

    Args:
        response: The reply.
        model: The model if the vendor does not report it.
        is_base64: Whether vectors are encoded in base64.
    """
    vectors = map(_encode_vector, response.vectors) if is_base64 else response.vectors
    tokens = response.usage.input_tokens or 0
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)],
        "model": response.model or model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _encode_vector(vector: Sequence[float]) -> str:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()
