"""Embeddings in the cache: one entry per text, so that only texts without one are sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from budwood.engine.caching.entries import Stored, decode
from budwood.engine.caching.keys import key_of
from budwood.engine.caching.layers import age_of, load_many, report_damage, save_many
from budwood.engine.drivers.effects import Flow
from budwood.types import EmbeddingRequest, EmbeddingResponse, Usage

if TYPE_CHECKING:
    from budwood.engine.caching.call_cache import CallCache
    from budwood.engine.pipeline.attempt import Attempt

Vectors = Mapping[str, Stored[EmbeddingResponse]]
"""Stored vectors, by their text."""


def find_embeddings(attempt: Attempt, cache: CallCache) -> Flow[EmbeddingResponse | None]:
    """Return the vectors of all texts of a request; None if one has no stored vector."""
    found, _ = yield from load_vectors(attempt, cache)
    request: EmbeddingRequest = attempt.request
    return merge(attempt, found) if all(text in found for text in request.texts) else None


def load_vectors(attempt: Attempt, cache: CallCache) -> Flow[tuple[Vectors, list[str]]]:
    """Return the stored vectors of the texts of a request, and the texts whose vectors are stale."""
    call = attempt.round.call
    keys = _keys(attempt, cache, attempt.request.texts)
    values = yield from load_many(call, cache.layers, list(keys.values()))
    found: dict[str, Stored[EmbeddingResponse]] = {}
    stale: list[str] = []
    for text, value in zip(keys, values, strict=True):
        if value is None or age_of(call, value) >= cache.max_stale:
            continue
        try:
            found[text] = decode(value, EmbeddingResponse)
        except ValueError as error:
            report_damage(call, error)
            continue
        if age_of(call, value) >= 0:
            stale.append(text)
    return found, stale


def narrow(attempt: Attempt, texts: Iterable[str]) -> Attempt:
    """Return a request for some of its texts, each once."""
    round_, update = attempt.round, {"texts": tuple(dict.fromkeys(texts))}
    return replace(
        attempt,
        round=replace(round_, request=round_.request.model_copy(update=update)),
        request=attempt.request.model_copy(update=update),
    )


def merge(attempt: Attempt, found: Vectors, sent: EmbeddingResponse | None = None) -> EmbeddingResponse:
    """
    Return one response for all texts of a request.

    Args:
        attempt: The request.
        found: The stored vectors.
        sent: The response to the narrowed request, if one was sent. Usage and cost are those of this response.
    """
    request: EmbeddingRequest = attempt.request
    vectors = {text: stored.reply.vectors[0] for text, stored in found.items()}
    if sent is not None:
        missing = dict.fromkeys(text for text in request.texts if text not in vectors)
        vectors.update(zip(missing, sent.vectors, strict=True))
    if found:
        call, saved = attempt.round.call, _sum(found)
        call.record_cached(attempt.target, saved)
        if call.observers is not None:
            call.observers.report_cache_hit(call, attempt.target, saved)
    response = sent if sent is not None else _of_stored(found)
    return response.model_copy(update={"vectors": tuple(vectors[text] for text in request.texts)})


def save_vectors(attempt: Attempt, cache: CallCache, response: EmbeddingResponse, cost: Decimal | None) -> Flow[bool]:
    """Store each vector under the key of its text. The usage of a single text is stored, that of several is not."""
    request: EmbeddingRequest = attempt.request
    if len(response.vectors) != len(request.texts):
        return False
    count = len(request.texts)
    share = None if cost is None else (cost / count).quantize(Decimal("1e-12"))
    entries: dict[str, Stored[Any]] = {}
    keys = _keys(attempt, cache, request.texts)
    for text, vector in zip(request.texts, response.vectors, strict=True):
        update = {"vectors": (vector,)} if count == 1 else {"vectors": (vector,), "usage": Usage(), "raw": None}
        entries[keys[text]] = Stored(reply=response.model_copy(update=update), saved=share)
    return (yield from save_many(attempt.round.call, cache.layers, entries))


def _keys(attempt: Attempt, cache: CallCache, texts: Sequence[str]) -> dict[str, str]:
    """Return the key of each text."""
    request: EmbeddingRequest = attempt.request
    identity, service = attempt.endpoint.cache_identity, attempt.round.service.name
    return {
        text: key_of(cache.namespace, identity, service, request.model_copy(update={"texts": (text,)}), cache.sample)
        for text in texts
    }


def _of_stored(found: Vectors) -> EmbeddingResponse:
    """Return a stored response: the only one, or the first one without the usage of its text."""
    first = next(iter(found.values())).reply.model_copy(update={"cached": True})
    return first if len(found) == 1 else first.model_copy(update={"usage": Usage(), "raw": None})


def _sum(found: Vectors) -> Decimal | None:
    total = Decimal(0)
    for stored in found.values():
        if stored.saved is None:
            return None
        total += stored.saved
    return total
