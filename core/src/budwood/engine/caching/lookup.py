"""Look up the reply of a request, replay it, and store new ones."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from budwood.engine.caching.entries import Stored, decode
from budwood.engine.caching.keys import key_of
from budwood.engine.caching.layers import age_of, load, report_damage, save
from budwood.engine.drivers.effects import Emit, Flow, Sleep
from budwood.types import OUTPUT_TOOL, ChatResponse, EmbeddingRequest, EmbeddingResponse, RefusalPart

if TYPE_CHECKING:
    from budwood.engine.caching.call_cache import CallCache
    from budwood.engine.pipeline.attempt import Attempt
    from budwood.engine.pipeline.call import Call, Round
    from budwood.providing.cached_values import CachedValue

_STORABLE: Final = frozenset({"stop", "tool_calls"})
"""Replies that were truncated, filtered, refused or failed are not stored."""


def with_cache(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """
    Look up a request before it is sent, unless that was done already, and store the reply.

    The endpoint is part of the key: a reply is cached only for the provider and the model that returned it.
    """

    def run(attempt: Attempt) -> Flow[Any]:
        cache = attempt.round.call.cache
        return _run(send, attempt, cache) if cache is not None and cache.takes(attempt.request) else send(attempt)

    return run


def _run(send: Callable[[Attempt], Flow[Any]], attempt: Attempt, cache: CallCache) -> Flow[Any]:
    round_ = attempt.round
    key = key_of_attempt(attempt, cache)
    if cache.is_read and key != round_.missed:
        reply = yield from find_reply(attempt, cache, key)
        if reply is not None:
            return reply
    response = yield from send(attempt)
    is_kept = is_storable(attempt, response) and (yield from _store(attempt, cache, key, response))
    cache.kept = key if is_kept else None
    return response


def key_of_attempt(attempt: Attempt, cache: CallCache) -> str:
    """Return the key of a request to an endpoint."""
    service = attempt.round.service.name
    return key_of(cache.namespace, attempt.endpoint.cache_identity, service, attempt.request, cache.sample)


def find_reply(
    attempt: Attempt, cache: CallCache, key: str, refresh: Callable[[], Flow[None]] | None = None
) -> Flow[Any]:
    """
    Return the stored reply, after its events were emitted; None if there is none that can be used.

    ``refresh`` requests a stale reply again, before it is returned.
    """
    round_, call = attempt.round, attempt.round.call
    if isinstance(attempt.request, EmbeddingRequest):
        from budwood.engine.caching.embeddings import find_embeddings  # few programs embed

        return (yield from find_embeddings(attempt, cache))
    value = yield from load(call, cache.layers, key)
    if value is None:
        return None
    age = age_of(call, value)
    if age >= cache.max_stale:
        return None
    stored = _decode(call, value, round_.service.result)
    if stored is None or not _is_valid(round_, stored.reply):
        return None
    if age >= 0 and refresh is not None:
        yield from refresh()
    return (yield from _replay(attempt, stored))


def _replay(attempt: Attempt, stored: Stored[Any]) -> Flow[Any]:
    call, reply = attempt.round.call, stored.reply
    if isinstance(reply, ChatResponse):
        attempt.adapt(reply.adaptations)
    call.record_cached(attempt.target, stored.saved)
    if call.observers is not None:
        call.observers.report_cache_hit(call, attempt.target, stored.saved)
    if call.streamed:
        from budwood.engine.pipeline.observing import complete

        call.partial = lambda: complete(call, reply.model_copy(update={"partial": True}))
        yield from _emit(call, stored)
    return reply


def _emit(call: Call, stored: Stored[Any]) -> Flow[None]:
    """Emit the events of a reply: those that were recorded, or, if it was not streamed, those of its parts."""
    from budwood.engine.caching.events import read_events  # only streams need it
    from budwood.providing import make_events

    if stored.events is None:
        yield Emit(make_events(stored.reply))
        return
    try:
        events = read_events(stored.events)
    except ValueError as error:
        report_damage(call, error)
        yield Emit(make_events(stored.reply))
        return
    if call.options.cache_pace == "instant":
        yield Emit([event for _, event in events])
        return
    elapsed = 0.0
    for seconds, event in events:
        if seconds > elapsed:
            yield Sleep(min(seconds - elapsed, call.seconds_left()))
            elapsed = seconds
        yield Emit([event])


def is_storable(attempt: Attempt, response: object) -> bool:
    """Tell whether a reply may be stored."""
    if not isinstance(response, ChatResponse):
        return response is not None
    if response.finish_reason not in _STORABLE or _is_refused(response) or not _is_valid(attempt.round, response):
        return False
    return (
        not response.tool_calls or attempt.round.call.options.cache_tool_calls or _calls_output(attempt.round, response)
    )


def _is_refused(response: ChatResponse) -> bool:
    """Tell whether the model refuses: some vendors say so only in the content, and finish with ``stop``."""
    return any(isinstance(part, RefusalPart) for part in response.message.parts)


def _calls_output(round_: Round, response: ChatResponse) -> bool:
    """Tell whether all tool calls are those of the tool that returns the output, which count as text."""
    return round_.output is not None and all(call.name == OUTPUT_TOOL for call in response.tool_calls)


def _is_valid(round_: Round, response: Any) -> bool:  # noqa: ANN401 - the reply of any service
    return round_.is_valid is None or round_.is_valid(response)


def _decode(call: Call, value: CachedValue, kind: type[Any]) -> Stored[Any] | None:
    try:
        return decode(value, kind)
    except ValueError as error:
        report_damage(call, error)
        return None


def _store(attempt: Attempt, cache: CallCache, key: str, response: Any) -> Flow[bool]:  # noqa: ANN401 - the reply of any service
    """Store a reply as decoded, with its adaptations and without its attempts."""
    call, reply = attempt.round.call, response
    if isinstance(reply, EmbeddingResponse):
        from budwood.engine.caching.embeddings import save_vectors  # few programs embed

        return (yield from save_vectors(attempt, cache, reply, _cost_of(call)))
    if isinstance(reply, ChatResponse):
        reply = reply.model_copy(update={"adaptations": tuple(attempt.adaptations.values())})
    events = None
    if attempt.round.events:
        from budwood.engine.caching.events import write_events  # only streams need it

        events = write_events(attempt.round.events)
    return (yield from save(call, cache.layers, key, Stored(reply=reply, saved=_cost_of(call), events=events)))


def _cost_of(call: Call) -> Decimal | None:
    """Return the cost of the last attempt, which answered."""
    return call.attempts[-1].cost if call.attempts else None
