"""Keep replies in a cache and find them again."""

from __future__ import annotations

import hashlib
from typing import Final

from pydantic_core import to_json

from budwood import logs
from budwood.engine.drivers.effects import Flow, Invoke
from budwood.engine.pipeline.call import Call
from budwood.types import JSON, ChatRequest, ChatResponse

_FORMAT: Final = b"budwood-reply-1\n"
"""Changes whenever a stored reply could no longer be read."""

_STORABLE: Final = frozenset({"stop", "tool_calls"})
"""Replies that were cut off, filtered, refused or failed are not kept."""


def key_of(call: Call, request: ChatRequest) -> str:
    """
    Name a request: equal requests to equal endpoints have equal keys.

    The key is made of canonical JSON. Its fields stand in the order of the model; objects within ``extra`` are sorted.
    Schemas of tools and of the output stand as given: models write properties in the order of the schema.
    """
    ordered = request.model_copy(update={"extra": _ordered(request.extra)}) if request.extra else request
    content = to_json(ordered, exclude_none=True)
    return hashlib.sha256(b"\n".join((_FORMAT, call.endpoint.identity.encode(), content))).hexdigest()


def _ordered(value: JSON, name: str = "") -> JSON:
    """Sort objects at any depth, but not the properties of a schema."""
    if isinstance(value, list):
        return [_ordered(held) for held in value]
    if not isinstance(value, dict):
        return value
    pairs = value.items() if name == "properties" else sorted(value.items())
    return {key: _ordered(held, key) for key, held in pairs}


def look_up(call: Call, key: str) -> Flow[ChatResponse | None]:
    """Return the reply that is kept for a request, or None. A broken cache is no reason to fail."""
    cache = call.cache
    if cache is None:
        return None
    try:
        stored = yield Invoke(lambda: cache.store.get(key), inline=cache.inline)
        response = None if stored is None else ChatResponse.model_validate_json(stored)
    except Exception as error:  # noqa: BLE001 - whatever a cache raises
        logs.emit("cache unreadable", level="warning", call=call.id, error=type(error).__name__, reason=_reason(error))
        return None
    return response


def keep(call: Call, key: str, response: ChatResponse) -> Flow[None]:
    """Keep a reply, if it is whole. It is kept as the provider gave it, with the receipts and without the ledger."""
    cache = call.cache
    if cache is None or response.finish_reason not in _STORABLE:
        return
    kept = response.model_copy(update={"adaptations": tuple(call.adaptations.values())})
    content = kept.model_dump_json(exclude={"attempts", "messages", "parsed", "cached"}).encode()
    try:
        yield Invoke(lambda: cache.store.set(key, content, ttl=cache.ttl), inline=cache.inline)
    except Exception as error:  # noqa: BLE001 - whatever a cache raises
        logs.emit(
            "cache not writable", level="warning", call=call.id, error=type(error).__name__, reason=_reason(error)
        )


def _reason(error: Exception) -> str | None:
    """Say what is wrong and what to do, as a cache tells it. Other errors may repeat the reply, which is content."""
    return str(error) if isinstance(error, OSError) else None
