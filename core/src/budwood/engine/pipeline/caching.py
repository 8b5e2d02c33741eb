"""Load replies from a cache, and store new ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar

from pydantic_core import PydanticSerializationError, to_json

from budwood.contracts import Cache
from budwood.engine.drivers.effects import Emit, Flow, Invoke
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.call import Call, ReplyCache, Round
from budwood.engine.pipeline.observing import complete
from budwood.hooks import CACHE
from budwood.plugins import Instances, faults
from budwood.types import JSON, ChatRequest, ChatResponse

T = TypeVar("T")

_FORMAT: Final = b"budwood-reply-1\n"
"""Change it whenever the format of stored replies changes."""

_STORABLE: Final = frozenset({"stop", "tool_calls"})
"""Replies that were truncated, filtered, refused or failed are not stored."""


def reply_cache(instances: Instances, cache: str | Cache | None, ttl: float | None) -> ReplyCache | None:
    """
    Return a cache by its name, or wrap a cache object.

    Raises:
        PluginError: The cache does not exist or cannot be used.
    """
    if cache is None:
        return None
    if not isinstance(cache, str):
        return ReplyCache(cache, inline=False, ttl=ttl, owned=False)
    instance = instances.build(CACHE, cache)
    return ReplyCache(instance.implementation, inline=instance.spec.inline, ttl=ttl, source=instance.source)


def with_cache(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """
    Look up a request before it is sent, and store the reply.

    The endpoint is part of the key: a reply is cached only for the provider and the model that returned it.
    """

    def run(attempt: Attempt) -> Flow[Any]:
        cache = attempt.round.call.cache
        return _run(send, attempt, cache) if cache is not None else send(attempt)

    return run


def _run(send: Callable[[Attempt], Flow[Any]], attempt: Attempt, cache: ReplyCache) -> Flow[Any]:
    call = attempt.round.call
    try:
        key = key_of(attempt.endpoint.identity, attempt.request)
    except (UnicodeEncodeError, PydanticSerializationError) as error:
        raise faults.text_error(error) from error
    stored = yield from _load(call, cache, key)
    if stored is not None and _is_valid(attempt.round, stored):
        attempt.adapt(stored.adaptations)
        call.record_cached(attempt.target)
        if call.observers is not None:
            call.observers.report_cache_hit(call, attempt.target)
        if call.streamed:
            from budwood.providing import make_events

            call.partial = lambda: complete(call, stored.model_copy(update={"cached": True, "partial": True}))
            yield Emit(make_events(stored))
        return stored.model_copy(update={"cached": True})
    response: ChatResponse = yield from send(attempt)
    if _is_valid(attempt.round, response) and response.finish_reason in _STORABLE:
        yield from _store(attempt, cache, key, response)
    return response


def key_of(endpoint: str, request: ChatRequest) -> str:
    """
    Return the key of a request: equal requests to equal endpoints have equal keys.

    The key is a hash of canonical JSON. Its fields have the order of the model; objects within ``extra`` are sorted.
    Schemas of tools and of the output keep their order: models write properties in the order of the schema.

    Args:
        endpoint: The identity of the endpoint; see `Endpoint.identity`.
        request: The request, adapted to the endpoint.
    """
    ordered = request.model_copy(update={"extra": _sort(request.extra)}) if request.extra else request
    content = to_json(ordered, exclude_none=True)
    return hashlib.sha256(b"\n".join((_FORMAT, endpoint.encode(), content))).hexdigest()


def _sort(value: JSON, name: str = "") -> JSON:
    """Sort objects at any depth, but not the properties of a schema."""
    if isinstance(value, list):
        return [_sort(item) for item in value]
    if not isinstance(value, dict):
        return value
    pairs = value.items() if name == "properties" else sorted(value.items())
    return {key: _sort(inner, key) for key, inner in pairs}


def _is_valid(round_: Round, response: ChatResponse) -> bool:
    return round_.is_valid is None or round_.is_valid(response)


def _load(call: Call, cache: ReplyCache, key: str) -> Flow[ChatResponse | None]:
    """Return the stored reply, or None. A cache that fails is a miss."""
    try:
        stored = yield Invoke(lambda: _call_store(cache, "get", lambda: cache.store.get(key)), inline=cache.inline)
        response = None if stored is None else ChatResponse.model_validate_json(stored)
    except Exception as error:  # noqa: BLE001 - whatever a cache raises
        _report(call, "read", error)
        return None
    return response


def _store(attempt: Attempt, cache: ReplyCache, key: str, response: ChatResponse) -> Flow[None]:
    """Store a reply as decoded, with its adaptations and without its attempts."""
    stored = response.model_copy(update={"adaptations": tuple(attempt.adaptations.values())})
    try:
        content = stored.model_dump_json(exclude={"attempts", "messages", "parsed", "cached"}).encode()
        yield Invoke(
            lambda: _call_store(cache, "set", lambda: cache.store.set(key, content, ttl=cache.ttl)), inline=cache.inline
        )
    except Exception as error:  # noqa: BLE001 - whatever a cache raises
        _report(attempt.round.call, "write", error)


def _call_store(cache: ReplyCache, method: str, run: Callable[[], T]) -> T:
    """Call a cache; convert errors that would end the program, such as `SystemExit`."""
    try:
        return run()
    except Exception:
        raise
    except BaseException:
        with faults.call_boundary(cache.source, method):
            raise


def _report(call: Call, operation: Literal["read", "write"], error: Exception) -> None:
    """Report a fault of the cache. The text of errors other than `OSError` is omitted, since it may quote the reply."""
    if call.observers is not None:
        reason = str(error) if isinstance(error, OSError) else None
        call.observers.report_cache_fault(call, operation, type(error).__name__, reason)
