"""Let one of several processes send a request, while the others wait for its reply in the cache."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from budwood.contracts import LeasingCache
from budwood.engine.caching.layers import CacheLayer, report_outage
from budwood.engine.caching.lookup import find_reply
from budwood.engine.caching.shared_errors import concerns_one_call
from budwood.engine.drivers.effects import Flow, Sleep, Start, Wait
from budwood.engine.drivers.latch import Latch
from budwood.engine.pipeline.endpoint_choice import complete_reply, prepare

if TYPE_CHECKING:
    from budwood.engine.caching.call_cache import CallCache
    from budwood.engine.pipeline.call import Call, Round
    from budwood.types import LeaseState

NOT_KEPT_SECONDS: Final = 5.0
"""The time for which others learn that a reply could not be stored, so that they send their own requests."""

FIRST_PAUSE: Final = 0.01
MAX_PAUSE: Final = 0.25
"""Seconds between two looks at the cache. They double up to the maximum."""


def under_lease(answer: Callable[[Round], Flow[Any]], round_: Round, key: str) -> Flow[Any]:
    """
    Send a request while holding the lease of its key, or return the reply that another process has stored.

    The cache is looked up once more: an equal request may have ended just before this one was started.
    """
    call, cache = round_.call, round_.call.cache
    if cache is None:
        return (yield from answer(round_))
    if cache.leasing is None:
        reply = (yield from _find(round_, cache, key)) if cache.is_read else None
        return reply if reply is not None else (yield from answer(round_))
    lease = Lease(call, cache.leasing, key)
    try:
        reply = yield from _wait_for_lease(lease, round_, cache, key)
        is_kept = reply is not None
        if reply is None:
            reply = yield from lease.hold(answer(round_))
            is_kept = cache.kept == key
    except GeneratorExit:
        raise
    except BaseException as error:
        # An error may be the same for others. If only this request was ended, one of them sends the next.
        yield from lease.release(kept=concerns_one_call(error))
        raise
    yield from lease.release(kept=is_kept)
    return reply


def _wait_for_lease(lease: Lease, round_: Round, cache: CallCache, key: str) -> Flow[Any]:
    """Wait until the lease is acquired, or need not be. Return the reply if another process has stored it."""
    pause = FIRST_PAUSE
    while True:
        state = yield from lease.acquire()
        if state == "not kept" or not cache.is_read:
            return None
        reply = yield from _find(round_, cache, key)  # also once the lease is acquired: it may be stored just before
        if reply is not None or state == "acquired":
            return reply
        yield Sleep(round_.call.random.uniform(pause / 2, pause))
        pause = min(2 * pause, MAX_PAUSE)


def _find(round_: Round, cache: CallCache, key: str) -> Flow[Any]:
    attempt = prepare(round_)
    reply = yield from find_reply(attempt, cache, key)
    return None if reply is None else complete_reply(attempt, reply)


class Lease:
    """
    The lease of a key. A cache that fails grants it, so that the call goes on.

    Args:
        call: The call that needs it.
        layer: The cache.
        key: The key.
    """

    def __init__(self, call: Call, layer: CacheLayer, key: str) -> None:
        self._call = call
        self._layer = layer
        self._store = cast("LeasingCache", layer.store)
        self._key = key
        self._owner = secrets.token_hex(16)  # not the random numbers of the client, which a fork copies
        self._seconds = call.options.cache_lease
        self._may_be_held = False
        self._released = Latch()
        self._lock = threading.Lock()  # a thread may still acquire or renew the lease when a cancelled task releases it

    def acquire(self) -> Flow[LeaseState]:
        """Take or renew the lease."""
        self._may_be_held = True  # if this is cancelled or fails, it may be: the answer of the store may be lost
        try:
            state: LeaseState = yield self._layer.invoke("acquire", self._acquire)
        except Exception as error:  # noqa: BLE001 - whatever a cache raises
            report_outage(self._call, self._layer, "acquire", error)
            return "not kept"
        self._may_be_held = state == "acquired"
        return state

    def release(self, *, kept: bool) -> Flow[None]:
        """End the lease, if it is held. If no reply will be stored, others learn that for `NOT_KEPT_SECONDS`."""
        self._released.set()
        if not self._may_be_held:
            return
        self._may_be_held = False
        try:
            yield self._layer.invoke("release", partial(self._release, kept=kept))
        except Exception as error:  # noqa: BLE001 - whatever a cache raises
            report_outage(self._call, self._layer, "release", error)

    def hold(self, flow: Flow[Any]) -> Flow[Any]:
        """Perform a flow, and renew the lease until it is released."""
        if self._may_be_held:
            with suppress(RuntimeError):  # no thread can be started: it is not renewed
                yield Start(self._renew(), self._released.set)
        return (yield from flow)

    def _renew(self) -> Flow[None]:
        clock = self._call.clock
        while not (yield Wait(self._released, clock.monotonic() + self._seconds / 3)):
            yield from self.acquire()

    def _acquire(self) -> LeaseState:
        with self._lock:
            if self._released.is_set:
                return "held"
            return self._store.acquire(self._key, self._owner, self._seconds)

    def _release(self, *, kept: bool) -> None:
        with self._lock:
            self._store.release(self._key, self._owner, kept=kept, seconds=NOT_KEPT_SECONDS)
