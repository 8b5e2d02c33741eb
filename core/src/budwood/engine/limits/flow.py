"""Wait until the limits of an attempt have room for it, and settle them after it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from budwood.engine.drivers.effects import Flow, Wait
from budwood.engine.limits import claims as limits
from budwood.engine.limits import tokens as limit_tokens
from budwood.engine.limits.claims import Scope
from budwood.engine.limits.tokens import Expected
from budwood.engine.limits.waiting import GroupFullError, pause, resume
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.routing.error_classes import NO_KEY, moves_at_once
from budwood.errors import RateLimitError
from budwood.types import Answer, Claim, Denial

CORRECTED_SHARE: Final = 0.1
"""The share of a limit from which on the remaining units that a vendor reports are not compared with the count."""


def with_limits(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """
    Reserve what an attempt takes from the limits, and wait if they have no room.

    Raises:
        RateLimitError: There is no room before the deadline of the call. Nothing was sent.
    """
    send_at_place = _with_place(send)

    def run(attempt: Attempt) -> Flow[Any]:
        group = attempt.lease.group if attempt.lease is not None else None
        scopes = limits.find_scopes(attempt.endpoint, attempt.model, group)
        if not scopes:
            return (yield from send_at_place(attempt))
        return (yield from _send_within(attempt, scopes, send_at_place))

    return run


def _send_within(attempt: Attempt, scopes: Sequence[Scope], send: Callable[[Attempt], Flow[Any]]) -> Flow[Any]:
    """Send an attempt within its limits. One that fails counts as expected: vendors count rejected requests too."""
    uses_tokens = issubclass(attempt.round.service.result, Answer)  # unlike a list of models
    counts_tokens = uses_tokens and limits.counts_tokens(scopes)
    expected = (yield from limit_tokens.estimate_tokens(attempt)) if counts_tokens else limit_tokens.NOTHING
    reservation = _Reservation(attempt, scopes, expected)
    yield from reservation.take()
    amounts: Mapping[str, float] = {}
    try:
        result = yield from send(attempt)
        amounts = reservation.used(result)
    except BaseException as error:
        if attempt.is_unsent(error):
            amounts = reservation.nothing()
        raise
    finally:
        yield from reservation.settle(amounts)
    return result


class _Reservation:
    """
    What one attempt takes from the limits.

    Args:
        attempt: The attempt.
        scopes: The limits.
        expected: The tokens that it will probably use.
    """

    def __init__(self, attempt: Attempt, scopes: Sequence[Scope], expected: Expected) -> None:
        self._attempt = attempt
        self._scopes = scopes
        self._expected = expected
        self._claims: Sequence[Claim] = ()
        self._limiter = attempt.round.call.find_limiter()
        self._ticket = secrets.token_hex(8)  # unlike `random`, not repeated in a forked process

    def take(self) -> Flow[None]:
        """
        Reserve all claims. Wait in order of arrival while they do not fit.

        Raises:
            RateLimitError: They do not fit before the deadline of the call, or another endpoint is asked.
            GroupFullError: Those of the key do not fit, and a key of another group can be used.
        """
        denial = yield from self._reserve()
        if denial is None:
            return
        if self._attempt.has_other_keys and limits.is_of_group(denial.claim, self._attempt.lease):
            yield from self._limiter.cancel(self._ticket, self._claims)
            raise GroupFullError(denial.delay or 0.0)
        if (error := _error_to_leave(self._attempt, denial)) is not None:
            yield from self._limiter.cancel(self._ticket, self._claims)
            raise error
        call = self._attempt.round.call
        started = call.clock.monotonic()
        pause(self._attempt, denial.claim.key, denial.delay)
        try:
            while denial is not None:
                _check(self._attempt, denial)
                yield from self._limiter.wait(self._ticket, denial, call.timing.deadline)
                self._expected = limit_tokens.renew(self._attempt, self._expected)
                denial = yield from self._reserve()
        except BaseException:
            yield from self._limiter.cancel(self._ticket, self._claims)
            raise
        finally:
            resume(self._attempt, started)

    def _reserve(self) -> Flow[Denial | None]:
        tokens = limit_tokens.tokens_before(self._attempt, self._expected)
        self._claims = limits.build_claims(self._scopes, tokens, self._attempt.round.call.clock.time())
        return self._limiter.reserve(self._ticket, self._claims)

    def used(self, result: object) -> dict[str, float]:
        """
        Return what a successful attempt used, by the key of the claim.

        A rate gets nothing back of a first guess. The room that it left unused is lost at vendors that count real
        tokens at arrival: if all requests that wait for their first reply gave it back at once, the next ones would be
        too many.
        """
        tokens = limit_tokens.tokens_after(self._attempt, self._expected, result)
        limit_tokens.learn_output(self._attempt, result)
        if tokens is None:
            return {}
        keeps = not self._expected.is_learned
        return {
            claim.key: max(claim.amount, tokens) if keeps and claim.kind == "rate" else tokens
            for claim in limits.token_claims(self._claims)
        }

    def nothing(self) -> dict[str, float]:
        """Return what an attempt used that was not sent."""
        return {claim.key: 0.0 for claim in self._claims}

    def settle(self, amounts: Mapping[str, float]) -> Flow[None]:
        """Replace the reserved amounts with those that were used, and correct rates by the headers of the reply."""
        yield from self._limiter.settle(self._ticket, self._claims, amounts)
        for claim, remaining in _corrections(self._attempt, self._claims):
            yield from self._limiter.correct(claim, remaining, None)


def _with_place(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """Wait for a place at an endpoint that was overloaded; see `budwood.engine.limits.adaptive`."""

    def run(attempt: Attempt) -> Flow[Any]:
        call, adaptive = attempt.round.call, attempt.endpoint.health.adaptive
        latch = adaptive.enter(id(attempt)) if adaptive is not None else None
        if adaptive is not None and latch is not None:
            full = Denial(Claim(f"{attempt.endpoint.label}:concurrency", "concurrency", adaptive.limit), None)
            started = call.clock.monotonic()
            is_granted = False
            pause(attempt, full.claim.key, None)
            try:
                _check(attempt, full)
                is_granted = yield Wait(latch, call.timing.deadline)
            finally:
                if not is_granted:
                    adaptive.leave(id(attempt))
                resume(attempt, started)
            if not is_granted:
                raise _no_room(attempt, full)
        return (yield from send(attempt))

    return run


def _check(attempt: Attempt, denial: Denial) -> None:
    """
    Check that it makes sense to wait.

    Raises:
        RateLimitError: The deadline of the call is sooner, or the attempt is a hedge, which must not wait.
    """
    call, contender = attempt.round.call, attempt.round.contender
    left = call.timing.deadline - call.clock.monotonic()
    is_too_late = left <= 0 or (denial.delay is not None and denial.delay >= left) or limits.is_impossible(denial.claim)
    if is_too_late or (contender is not None and contender.is_hedge):
        raise _no_room(attempt, denial)


def _error_to_leave(attempt: Attempt, denial: Denial) -> RateLimitError | None:
    """
    Return the error with which a call moves to another endpoint; None if it waits.

    It moves if no key of this one has room, or if the user named rate limits in ``fallback_on``.
    """
    call = attempt.round.call
    if call.route is None or not call.route.has_next(call):
        return None
    error = _no_room(attempt, denial)
    if limits.is_of_group(denial.claim, attempt.lease):
        error.code = NO_KEY
    return error if moves_at_once(error, call) else None


def _no_room(attempt: Attempt, denial: Denial) -> RateLimitError:
    """Return the error for a limit without room before the deadline."""
    claim, delay = denial.claim, denial.delay
    cure = "Raise timeout=…, send fewer requests at a time"
    contender = attempt.round.contender
    until = "" if contender is not None and contender.is_hedge else " until the timeout of the call"
    if claim.kind == "concurrency":
        reason = f"all {claim.limit:g} attempts at a time were in use{until}"
    elif limits.is_impossible(claim):
        reason, delay = f"this request alone takes about {claim.amount:,.0f} of {claim.limit:,.0f}", None
        cure = "Shorten the request"
    elif delay is None:
        reason = f"other requests were waiting before this one{until}"
    else:
        left = attempt.round.call.timing.deadline - attempt.round.call.clock.monotonic()
        reason = f"the next room is in {_seconds(delay)}{', after the timeout of the call' if delay >= left else ''}"
    return RateLimitError(
        f"The limit {claim.key} has no room: {reason}. Nothing was sent.",
        hint=f"{cure}, or raise the limit in the settings of the provider.",
        provider=attempt.endpoint.name,
        model=attempt.model,
        retry_after=delay,
        retryable=False,
    )


def _seconds(delay: float) -> str:
    return f"{delay:,.1f} s" if delay < limits.MINUTE else f"{delay / limits.MINUTE:,.0f} min"


def _corrections(attempt: Attempt, claims: Sequence[Claim]) -> list[tuple[Claim, float]]:
    """
    Return the rates that the vendor reports to be nearly exhausted, with what remains of them now.

    The headers tell what remained when the vendor read the request; it was refilled since. Their resets are not used:
    they are the time until everything is available again, not until something is.
    """
    reported = attempt.rate_limits
    if reported is None:
        return []
    age = max(attempt.round.call.clock.monotonic() - attempt.started, 0.0)
    corrections = []
    for unit, remaining, period in (
        ("requests", reported.remaining_requests, reported.period_requests),
        ("tokens", reported.remaining_tokens, reported.period_tokens),
    ):
        rates = [claim for claim in claims if limits.is_rate_of(claim, unit)]
        if not rates or remaining is None or period not in (None, limits.MINUTE):
            continue
        claim = rates[-1]  # the vendor reports the limit of the model
        left = remaining + age * claim.limit / claim.period
        if left < CORRECTED_SHARE * claim.limit:
            corrections.append((claim, left))
    return corrections
