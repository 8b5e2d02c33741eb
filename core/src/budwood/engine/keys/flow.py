"""Choose a key for each attempt at an endpoint that has several, and record what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from budwood.engine.drivers.effects import First, Flow, Sleep, Wait
from budwood.engine.endpoints.health import find_cause
from budwood.engine.endpoints.secrets import scrub
from budwood.engine.keys.queue import STALL_SECONDS
from budwood.engine.limits.waiting import GroupFullError, pause, resume
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.routing.error_classes import NO_KEY
from budwood.engine.routing.portability import find_previous_response
from budwood.errors import (
    AuthenticationError,
    ProviderError,
    QuotaExhaustedError,
    RateLimitError,
)
from budwood.types import Answer

if TYPE_CHECKING:
    from budwood.engine.drivers.latch import Latch
    from budwood.engine.keys.pool import Grant, KeyPool
    from budwood.engine.keys.queue import Waiter
    from budwood.engine.pipeline.call import Call


def with_key(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """Lease a key for each attempt at an endpoint that has several; wait for one if all rest."""

    def run(attempt: Attempt) -> Flow[Any]:
        pool = attempt.endpoint.pool
        return send(attempt) if pool is None else _send_with_key(send, attempt, pool)

    return run


def _send_with_key(send: Callable[[Attempt], Flow[Any]], attempt: Attempt, pool: KeyPool) -> Flow[Any]:
    full: dict[str, float] = {}  # seconds until the limits of groups in the settings have room
    while True:
        grant = yield from _acquire(attempt, pool, full)
        group = grant.key.group.name
        attempt.lease = grant.key.lease
        attempt.round.call.key_groups[attempt.endpoint.label] = group
        attempt.has_other_keys = group not in full and pool.has_others(group, attempt.round.call.clock.monotonic())
        try:
            return (yield from _send_with_grant(send, attempt, pool, grant))
        except GroupFullError as error:
            full[group] = error.delay


def _send_with_grant(send: Callable[[Attempt], Flow[Any]], attempt: Attempt, pool: KeyPool, grant: Grant) -> Flow[Any]:
    call = attempt.round.call
    try:
        result = yield from send(attempt)
    except BaseException as error:
        if not attempt.has_used_key:
            pool.give_back(grant)
        elif isinstance(error, ProviderError):
            scrub(error, attempt.secrets())
            pool.fail(grant, find_cause(error), attempt.rate_limits, call.clock.monotonic(), call.random)
        raise
    pool.succeed(grant, result.usage.total_tokens if isinstance(result, Answer) else None)
    return result


def _acquire(attempt: Attempt, pool: KeyPool, full: Mapping[str, float]) -> Flow[Grant]:
    """
    Return the key for an attempt.

    Raises:
        AuthenticationError: All keys are rejected.
        QuotaExhaustedError: The quota of all keys is used up.
        RateLimitError: All keys rest, and the first is not ready in time, or the call has another endpoint.
    """
    now = attempt.round.call.clock.monotonic()
    grant = pool.acquire(now, _preferred_groups(attempt), full)
    if grant is not None:
        return grant
    seconds = _check_wait(attempt, pool, now)
    waiter = pool.join()
    pause(attempt, f"keys of {pool.name}", seconds)
    try:
        return (yield from _wait_for_turn(attempt, pool, waiter, full))
    finally:
        pool.leave(waiter)
        resume(attempt, now)


def _wait_for_turn(attempt: Attempt, pool: KeyPool, waiter: Waiter, full: Mapping[str, float]) -> Flow[Grant]:
    call, preferred = attempt.round.call, _preferred_groups(attempt)
    while True:
        latch, now = waiter.latch, call.clock.monotonic()
        grant = pool.acquire(now, preferred, full, waiter)
        if grant is not None:
            return grant
        seconds = _check_wait(attempt, pool, now)
        if pool.begin_turn(waiter, now + seconds, now):
            if seconds > 0:
                yield First([_sleep(seconds), _wait(latch, call.timing.deadline)])
        else:
            yield Wait(latch, min(call.timing.deadline, now + STALL_SECONDS))


def _check_wait(attempt: Attempt, pool: KeyPool, now: float) -> float:
    """
    Return the seconds until the first key is ready, if the attempt may wait for it.

    Raises:
        ProviderError: It may not, or no key will be ready.
    """
    call, contender = attempt.round.call, attempt.round.contender
    seconds = pool.ready_in(now)
    if seconds is None:
        raise pool.refusal()
    is_hedge = contender is not None and contender.is_hedge
    is_too_long = seconds > call.options.max_retry_after or now + seconds >= call.timing.deadline
    if is_hedge or is_too_long or _has_next_endpoint(call):
        raise _no_key(pool, seconds)
    return seconds


def _preferred_groups(attempt: Attempt) -> tuple[str, ...]:
    """Return the groups of the stored response that the request names, of the last round, and of the conversation."""
    call = attempt.round.call
    state, previous = call.state, find_previous_response(attempt.request)
    response = state.responses.get(previous) if state is not None and previous is not None else None
    known = state.conversations.get(call.conversation) if state is not None and call.conversation is not None else None
    groups = (
        response.group if response is not None else None,
        call.key_groups.get(attempt.endpoint.label),
        known.group if known is not None else None,
    )
    return tuple(group for group in groups if group is not None)


def _has_next_endpoint(call: Call) -> bool:
    return call.route is not None and call.route.has_next(call)


def _no_key(pool: KeyPool, seconds: float) -> RateLimitError:
    return RateLimitError(
        f"All usable keys of {pool.name} are rate limited. The first is ready in {seconds:.1f} s.",
        hint="Retry then, raise timeout=… or max_retry_after=…, or add a key with a quota of its own.",
        code=NO_KEY,
        retry_after=seconds,
    )


def _sleep(seconds: float) -> Flow[None]:
    yield Sleep(seconds)


def _wait(latch: Latch, deadline: float) -> Flow[None]:
    yield Wait(latch, deadline)


def record_head(attempt: Attempt) -> None:
    """Record the rate limits of a reply as soon as its headers have arrived."""
    pool, lease = attempt.endpoint.pool, attempt.lease
    if pool is not None and lease is not None and lease.group is not None:
        pool.record_limits(lease.group, attempt.rate_limits, attempt.round.call.clock.monotonic())


def uses_another_key(attempt: Attempt, error: ProviderError) -> bool:
    """
    Tell whether another attempt is made at once that does not count as a retry, because the key is not usable.

    This ends: each such error rests or removes a key, and a rate limit counts as a retry once no key succeeds any more.
    """
    pool, call = attempt.endpoint.pool, attempt.round.call
    if pool is None or not attempt.has_used_key or call.clock.monotonic() >= call.timing.deadline:
        return False
    if isinstance(error, AuthenticationError | QuotaExhaustedError):
        if not pool.is_spent():
            return True
        error.hint = pool.describe_refusal()
        return False
    if not isinstance(error, RateLimitError) or pool.is_spent() or pool.is_limited():
        return False
    return pool.has_several_quotas or _has_next_endpoint(call)
