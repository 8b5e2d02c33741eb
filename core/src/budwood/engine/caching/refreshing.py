"""Request a stale reply again, in the background."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from budwood.engine.caching.counts import Counter
from budwood.engine.drivers.effects import Flow, Start

if TYPE_CHECKING:
    from budwood.engine.caching.call_cache import CallCache
    from budwood.engine.pipeline.call import Call, Round


def refresh(answer: Callable[[Round], Flow[Any]], round_: Round, cache: CallCache, key: str) -> Flow[None]:
    """
    Request the reply of a key again, unless that is under way. The caller does not wait for it.

    It is a call of its own for observers and budgets. It is abandoned when the client closes, and its errors are only
    reported to observers.
    """
    refreshing = cache.flights.refreshing
    if key in refreshing:
        return
    refreshing.add(key)
    flow = _refresh(answer, replace(round_, call=_new_call(round_.call, cache), missed=None, events=None))
    try:
        yield Start(flow, lambda: refreshing.discard(key))
    except BaseException as error:
        refreshing.discard(key)
        if not isinstance(error, RuntimeError):  # no thread can be started: the next call tries again
            raise


def _refresh(answer: Callable[[Round], Flow[Any]], round_: Round) -> Flow[None]:
    with suppress(Exception):
        yield from answer(round_)


def _new_call(call: Call, cache: CallCache) -> Call:
    seconds = call.options.timeout
    return replace(
        call,
        id=f"{call.random.getrandbits(64):016x}",
        timing=replace(call.timing, deadline=call.clock.monotonic() + seconds),
        streamed=False,
        # It is looked up, since another process may have requested it just before; that counts neither as hit nor miss.
        cache=replace(cache, mode="fresh", max_stale=0.0, counter=Counter(None)),
        attempts=[],
        adaptations={},
        partial=None,
        numbers=itertools.count(1),
        context=None,
    )
