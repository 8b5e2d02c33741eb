"""Retry attempts that failed with a transient error, each with the guards that it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from budwood.engine.drivers.effects import Flow, Sleep
from budwood.engine.endpoints.health import is_failure
from budwood.engine.pipeline.attempt import Attempt, attempt_timing
from budwood.engine.pipeline.call import Call
from budwood.engine.pipeline.error_details import complete_error
from budwood.errors import (
    AuthenticationError,
    ProviderError,
    RateLimitError,
    RequestTimeoutError,
    UnsupportedParameterError,
)

BASE_SECONDS: Final = 0.5
MAX_SECONDS: Final = 8.0
"""The delay is random between zero and 0.5 s, a limit that doubles with each failure up to 8 s ("full jitter")."""

_REJECTIONS: Final = frozenset({503, 529})
"""The statuses of server errors that say that the request was not carried out."""

_UNCERTAIN: Final = frozenset({408, 409, 499})
"""The statuses of client errors that do not say whether the request was carried out."""


def with_retries(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """Run ``send``, retrying transient errors; record every attempt."""

    def run(attempt: Attempt) -> Flow[Any]:
        call = attempt.round.call
        failed_attempts = 0
        while True:
            attempt.started = call.clock.monotonic()
            attempt.timing = attempt_timing(attempt)
            attempt.endpoint.health.running.add(id(attempt))
            if attempt.round.contender is not None:
                attempt.round.contender.pending[:] = [attempt]
            try:
                result = yield from send(attempt)
                attempt.succeed(result)
            except ProviderError as error:
                _complete(attempt, error)
                attempt.fail(error)
                if _learn(attempt, error) or _uses_another_key(attempt, error) or attempt.has_lost_upload:
                    attempt = attempt.next_attempt(0.0)
                    continue
                failed_attempts += 1
                delay = delay_before_retry(attempt, error, failed_attempts)
                if delay is None:
                    error.attempts = tuple(call.attempts)
                    raise
            except BaseException as error:
                attempt.abort(error)
                raise
            else:
                return result
            yield from _pause(attempt, delay)
            attempt = attempt.next_attempt(delay)

    return run


def when_guarded(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """Apply `budwood.engine.pipeline.guards` to attempts that have budgets, several keys, or limits."""
    guarded: list[Callable[[Attempt], Flow[Any]]] = []

    def run(attempt: Attempt) -> Flow[Any]:
        endpoint = attempt.endpoint
        if not endpoint.is_guarded and not attempt.round.call.budgets and endpoint.health.adaptive is None:
            return send(attempt)
        if not guarded:
            from budwood.engine.pipeline.guards import guard  # only programs with guards need it

            guarded.append(guard(send))
        return guarded[0](attempt)

    return run


def _pause(attempt: Attempt, delay: float) -> Flow[None]:
    call = attempt.round.call
    if call.observers is not None:
        call.observers.report_retry(call, attempt.target, delay, call.attempts[-1].error or "")
    yield Sleep(delay)


def delay_before_retry(attempt: Attempt, error: ProviderError, failed_attempts: int) -> float | None:
    """
    Return the seconds to wait before the next attempt, or None if the error is raised to the caller.

    Args:
        attempt: The failed attempt.
        error: Its error.
        failed_attempts: The number of failed attempts, including this one.
    """
    call = attempt.round.call
    if attempt.encoded is not None and not attempt.encoded.repeatable and _may_be_accepted(attempt, error):
        mark_as_accepted(error)
        return None
    if not error.retryable or failed_attempts > call.options.retries or attempt.skipped is not None:
        return None
    if call.route is not None and _leaves_endpoint(call, error):
        return None
    delay = _delay(attempt, error, failed_attempts)
    if delay is None or delay >= call.timing.deadline - call.clock.monotonic():
        return None
    return delay if _has_retry_budget(attempt, error) else None


def mark_as_accepted(error: ProviderError) -> None:
    """Say in an error that the server may have carried out the request, which is then not sent again."""
    error.may_be_accepted, error.retryable = True, False
    error.hint = (
        "The server may have accepted the request, so it is not sent again. Look for the result at the vendor "
        "before you repeat the call."
    )


def _may_be_accepted(attempt: Attempt, error: ProviderError) -> bool:
    """Tell whether the server may have carried out a request that failed."""
    if error.status is not None and 400 <= error.status < 500:
        return error.status in _UNCERTAIN
    return not attempt.is_unsent(error) and error.status not in _REJECTIONS


def _has_retry_budget(attempt: Attempt, error: ProviderError) -> bool:
    """Take a retry from the endpoint's budget, if the endpoint failed. If none is left, a note of the error says so."""
    if not is_failure(error) or (error.status is not None and error.status < 500):
        return True  # such as 429, also for a lack of capacity
    if attempt.endpoint.health.take_retry(attempt.round.call.clock.monotonic()):
        return True
    error.add_note(
        f"Not retried, because too many requests to {attempt.endpoint.label} were retried in the last minute."
    )
    return False


def _leaves_endpoint(call: Call, error: ProviderError) -> bool:
    """Tell whether another endpoint is asked in place of a retry."""
    from budwood.engine.routing.error_classes import moves_at_once  # only calls with several endpoints need it

    return call.route is not None and moves_at_once(error, call) and call.route.has_next(call)


def _delay(attempt: Attempt, error: ProviderError, failed_attempts: int) -> float | None:
    call, pool = attempt.round.call, attempt.endpoint.pool
    chooses_key = pool is not None and pool.has_several_quotas and attempt.within is None
    if chooses_key and attempt.is_started and isinstance(error, RateLimitError):
        return 0.0  # the next attempt waits for a key
    return backoff(call, error, failed_attempts)


def backoff(call: Call, error: ProviderError, failed_attempts: int) -> float | None:
    """Return the delay that the vendor asks for, or a random one; None if the vendor asks for too much."""
    if error.retry_after is not None:
        is_acceptable = error.retry_after <= call.options.max_retry_after  # false for NaN and for huge numbers
        return max(error.retry_after, 0.0) if is_acceptable else None
    return call.random.uniform(0.0, min(MAX_SECONDS, BASE_SECONDS * 2 ** (failed_attempts - 1)))


def _complete(attempt: Attempt, error: ProviderError) -> None:
    _set_retryable(attempt, error)
    complete_error(attempt, error)


def _set_retryable(attempt: Attempt, error: ProviderError) -> None:
    """Decide whether to retry an error, in the cases that neither the plugin nor the transport can decide."""
    if isinstance(error, AuthenticationError):
        tokens = attempt.endpoint.tokens
        if tokens is not None and attempt.lease is not None:
            error.retryable = tokens.discard(attempt.lease)  # a token may be revoked before it expires
    elif isinstance(error, RequestTimeoutError) and error.phase == "deadline":
        call = attempt.round.call
        if attempt.timing is not None and call.clock.monotonic() < call.timing.deadline:
            error.phase, error.retryable = "attempt", True
            error.message = f"The attempt took longer than attempt_timeout ({call.options.attempt_timeout:g} s)."
            error.args = (error.message,)
            error.hint = "Raise attempt_timeout=…."


def _learn(attempt: Attempt, error: ProviderError) -> bool:
    """Learn from the error if possible; return whether to retry immediately."""
    if not isinstance(error, UnsupportedParameterError):
        return False
    from budwood.engine.pipeline.learning import learn_from

    return learn_from(error, attempt)


def _uses_another_key(attempt: Attempt, error: ProviderError) -> bool:
    if attempt.endpoint.pool is None or attempt.within is not None:
        return False
    from budwood.engine.keys.flow import uses_another_key  # only endpoints with several keys need it

    return uses_another_key(attempt, error)
