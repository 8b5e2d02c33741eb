"""Answer a request from the cache, or share it with equal calls that are under way."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from budwood.engine.accounting import costs
from budwood.engine.caching.entries import mark_cached
from budwood.engine.caching.flights import CHECK_SECONDS, Flight, LeaderError
from budwood.engine.caching.lookup import find_reply, key_of_attempt
from budwood.engine.chat.assembly import ResponseBuilder
from budwood.engine.drivers.effects import CLEANUP_SECONDS, Abandoned, Emit, Flow, Invoke, Start, Wait
from budwood.engine.pipeline.endpoint_choice import complete_reply, prepare
from budwood.engine.pipeline.observing import complete, sum_saved, with_observers
from budwood.errors import (
    BudgetExceededError,
    CacheMissError,
    ProviderError,
    StreamInterruptedError,
    UnsupportedError,
)
from budwood.providing import count_tool_calls, find_media
from budwood.types import ChatResponse, EmbeddingRequest
from budwood.wire.errors import deadline_error

if TYPE_CHECKING:
    from budwood.engine.caching.call_cache import CallCache
    from budwood.engine.pipeline.attempt import Attempt
    from budwood.engine.pipeline.call import Call, Round
    from budwood.types import AnyMedia, EmbeddingResponse, StreamEvent


def with_sharing(answer: Callable[[Round], Flow[Any]]) -> Callable[[Round], Flow[Any]]:
    """Look up a request; if there is no reply yet, follow an equal request that is under way, or start it."""

    def run(round_: Round) -> Flow[Any]:
        cache = round_.call.cache
        if cache is None or round_.call.is_shared or not cache.takes(round_.request):
            return answer(round_)
        return _Sharing(answer, round_, cache).run()

    return run


class _Sharing:
    """
    One request that is looked up and shared.

    Args:
        answer: Sends it.
        round_: The request.
        cache: The cache.
    """

    def __init__(self, answer: Callable[[Round], Flow[Any]], round_: Round, cache: CallCache) -> None:
        self._answer = answer
        self._round = round_
        self._call = round_.call
        self._cache = cache
        self._seen: list[StreamEvent] = []  # the events that the caller has received

    def run(self) -> Flow[Any]:
        """
        Return the reply.

        Raises:
            CacheMissError: There is no reply, and the call only reads the cache.
        """
        if find_media(self._round.request):
            yield from self._read_media()
        attempt = self._prepare()
        if attempt is None:
            return (yield from self._answer(self._round))
        if not self._cache.is_read:
            return (yield from self._send(attempt, key_of_attempt(attempt, self._cache)))
        earlier = len(self._call.attempts)
        find = self._find_vectors if isinstance(attempt.request, EmbeddingRequest) else self._find_reply
        try:
            reply = yield from find(attempt)
        except Exception:
            yield from self._cache.counter.count(self._call, [])
            raise
        yield from self._cache.counter.count(self._call, self._call.attempts[earlier:])
        return reply

    def _read_media(self) -> Flow[None]:
        """Measure the media on this machine, and read the files among them, whose digests are a part of keys."""
        from budwood.engine.pipeline.media import measure_media  # few programs cache media

        yield from measure_media(self._round)
        files = [part for part in find_media(self._round.request) if part.path is not None]
        if files:
            yield Invoke(partial(_digest, files))

    def _find_reply(self, attempt: Attempt) -> Flow[Any]:
        """Return the stored reply, or send the request."""
        key = key_of_attempt(attempt, self._cache)
        refresh = None if self._cache.mode == "only" else partial(self._refresh, attempt)
        reply = yield from find_reply(attempt, self._cache, key, refresh)
        if reply is None:
            return (yield from self._send(attempt, key))
        self._call.target = attempt.target
        return complete_reply(attempt, reply)

    def _find_vectors(self, attempt: Attempt) -> Flow[EmbeddingResponse]:
        """Return the stored vectors, and send the texts that have none."""
        from budwood.engine.caching.embeddings import load_vectors, merge, narrow  # few programs embed

        found, stale = yield from load_vectors(attempt, self._cache)
        if stale and self._cache.mode != "only":
            yield from self._refresh(narrow(attempt, stale))
        missing = narrow(attempt, (text for text in attempt.request.texts if text not in found))
        if not missing.request.texts:
            return merge(attempt, found)
        self._round = missing.round
        sent = yield from self._send(missing, key_of_attempt(missing, self._cache))
        return merge(attempt, found, sent)

    def _send(self, attempt: Attempt, key: str) -> Flow[Any]:
        """Follow an equal request that is under way, or start this one."""
        if self._cache.mode == "only":
            raise CacheMissError(
                f"The cache has no reply of {attempt.target.address} to this request.",
                hint='Pass cache="refresh" once to store one.',
            )
        self._round.missed = key
        keys = self._flight_keys(key)
        while True:
            try:
                return (yield from self._share(key, keys))
            except LeaderError:
                yield from self._restart()

    def _prepare(self) -> Attempt | None:
        """Return the request as the first endpoint gets it; None if it cannot take the request, but another one may."""
        route = self._call.route
        round_ = self._round if route is None else replace(self._round, target=route.first)
        try:
            return prepare(round_)
        except UnsupportedError:
            if route is None:
                raise
            return None

    def _refresh(self, attempt: Attempt) -> Flow[None]:
        from budwood.engine.caching.refreshing import refresh  # few programs use stale replies

        key = key_of_attempt(attempt, self._cache)
        return refresh(with_observers(with_sharing(self._answer)), attempt.round, self._cache, key)

    def _flight_keys(self, key: str) -> Sequence[Hashable]:
        """
        Return the keys of requests that the call may follow. The last one is that of its own request.

        It may be streamed or not. One that refreshes the cache may not follow one that does not,
        which may have been sent, or found in the cache, long before.
        """
        call = self._call
        targets = () if call.route is None else tuple(target.name for target in call.route.targets)
        options = call.options
        own = (key, targets, options.on_unsupported, options.on_stream_failure, options.fallback_on)
        streamed = (not call.streamed, call.streamed)
        is_read = (False, True) if self._cache.is_read else (False,)
        return tuple((*own, *kind) for kind in product(is_read, streamed))

    def _share(self, key: str, keys: Sequence[Hashable]) -> Flow[Any]:
        call, flight = self._call, None
        try:
            flight, is_new = self._cache.flights.join(keys, call)
            if is_new and not (yield from self._start(flight, key, keys[-1])):
                return (yield from self._answer(self._round))
            yield from self._follow(flight)
        except BaseException as error:
            if flight is None:
                raise
            if flight.leave(call) and not isinstance(error, GeneratorExit):
                yield Wait(flight.ended, call.clock.monotonic() + CLEANUP_SECONDS)
            if flight.payer is call:
                _charge(call, flight.call)
            raise
        reply = self._result(flight)
        if call.streamed and not flight.call.streamed:
            yield from self._emit(reply)
        return reply

    def _emit(self, reply: Any) -> Flow[None]:  # noqa: ANN401 - the reply of any service
        """Emit the events of a reply that was not streamed."""
        from budwood.providing import make_events

        self._seen.extend(make_events(reply))
        self._call.partial = self._partial
        yield Emit(tuple(self._seen))

    def _start(self, flight: Flight, key: str, flight_key: Hashable) -> Flow[bool]:
        """Start the request in the background. Return whether that was possible: a thread may not be available."""
        from budwood.engine.caching.leases import under_lease

        flights = self._cache.flights
        round_ = replace(self._round, call=flight.call)
        flow = flight.pump(under_lease(self._answer, round_, key))

        def ended() -> None:
            flights.discard(flight_key, flight)
            flight.end(None, Abandoned())

        try:
            flight.begin((yield Start(flow, ended)))
        except RuntimeError:
            ended()
            return False
        except BaseException as error:
            flights.discard(flight_key, flight)
            flight.end(None, error)
            raise
        return True

    def _follow(self, flight: Flight) -> Flow[None]:
        """
        Emit the events of the request until it has ended.

        Raises:
            RequestTimeoutError: The deadline of the call has passed, and other calls still follow the request.
        """
        call, position = self._call, 0
        while True:
            batches, changed = flight.read(position)
            position += len(batches)
            for batch in batches:
                if call.streamed:
                    self._seen.extend(batch)
                    call.partial = self._partial
                    yield Emit(batch)
            if changed is None:
                return
            if batches:
                continue  # there may be more since, or the process was forked
            deadline = call.timing.deadline
            if (yield Wait(changed, min(deadline, call.clock.monotonic() + CHECK_SECONDS))):
                continue
            if call.clock.monotonic() < deadline:
                flight.check_running()
                continue
            if not flight.leave(call, is_overdue=True):
                raise deadline_error(call.options.timeout)
            yield Wait(flight.ended, call.clock.monotonic() + CLEANUP_SECONDS)

    def _result(self, flight: Flight) -> Any:  # noqa: ANN401 - the reply of any service
        """Return the reply, or raise the error. One call is charged; for the others it is a reply from the cache."""
        call, attempts = self._call, flight.call.attempts
        call.target = flight.call.target
        call.adaptations.update(flight.call.adaptations)
        if flight.payer is call:
            _charge(call, flight.call)
            return flight.result(call)
        try:
            reply = flight.result(call)
        except LeaderError:
            raise
        except Exception as error:
            call.record_cached(flight.call.target)
            if isinstance(error, ProviderError | BudgetExceededError):
                error.attempts = tuple(call.attempts)
            raise
        saved = costs.total(attempts).dollars
        if any(attempt.cached for attempt in attempts):  # the request was answered from the cache
            cached = sum_saved(attempts)
            saved = None if saved is None or cached is None else saved + cached
        call.record_cached(flight.call.target, saved)
        if call.observers is not None:
            call.observers.report_cache_hit(call, flight.call.target, saved)
        return mark_cached(reply)

    def _partial(self) -> ChatResponse:
        builder = ResponseBuilder(count_tool_calls(self._round.request))
        builder.add(self._seen)
        response: ChatResponse = complete(self._call, builder.build())
        return response.model_copy(update={"partial": True})

    def _restart(self) -> Flow[None]:
        """
        Prepare for another request, after the one that was followed has ended for another call.

        Raises:
            StreamInterruptedError: The caller has read a part of the reply, which will not be completed.
            RequestTimeoutError: The deadline of the call has passed.
        """
        call = self._call
        if call.clock.monotonic() >= call.timing.deadline:
            raise deadline_error(call.options.timeout)
        if not self._seen:
            return
        if call.options.on_stream_failure == "raise":
            raise StreamInterruptedError(
                "The stream was interrupted: the call that had started the request was cancelled.",
                response=self._partial(),
                hint="Send the request again.",
            )
        from budwood.types import Restarted

        self._seen.clear()
        call.partial = None  # the event says that it is void
        yield Emit([Restarted("the call that had started the request was cancelled")])


def _charge(call: Call, sender: Call) -> None:
    call.attempts.extend(sender.attempts)
    call.adaptations.update(sender.adaptations)


def _digest(files: Sequence[AnyMedia]) -> None:
    """
    Read files, so that the event loop does not have to when it needs their digests.

    Raises:
        PromptError: One cannot be read.
    """
    from budwood.engine.chat.files import digest_of  # few programs cache media

    for part in files:
        digest_of(part)
