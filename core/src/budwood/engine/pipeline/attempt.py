"""One attempt at a request, at one endpoint."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from budwood import logs
from budwood.engine.accounting import costs
from budwood.engine.endpoints.credentials import Lease
from budwood.engine.endpoints.endpoint import Endpoint, Target
from budwood.engine.endpoints.health import MAX_OUTCOMES
from budwood.engine.endpoints.secrets import scrub
from budwood.engine.limits import adaptive
from budwood.engine.limits.claims import prevents_overload
from budwood.engine.pipeline.call import Round
from budwood.errors import BudwoodError, PluginFaultError, ProviderError, UnsupportedError
from budwood.types import Adaptation, Answer, ChatResponse, Cost, HTTPCall, ModelRules, RateLimits, ReplyHead, Timing
from budwood.types import Attempt as AttemptRecord

if TYPE_CHECKING:
    from budwood.types.endpoints import BreakerState


STREAM_HEAD_SECONDS: Final = 60.0
"""The default of ``attempt_timeout`` for streams: the time until the response headers must arrive."""


SHARED_SECONDS: Final = 86_400.0
"""How much later the deadline of a request is that several calls share."""


@dataclass(slots=True)
class Attempt:
    """
    One request to one endpoint, with all state that depends on the endpoint.

    Attributes:
        request: The request of the round, adapted to this endpoint and model.
        adaptations: Adapted parameters, by name; shared with the retries of the same request.
        learned: The rules that were learned from rejections of the same request; shared as well.
        delay: The delay before the attempt, in seconds.
        started: The start time, by the call's clock.
        timing: The limits of this attempt; None for those of the call.
        lease: The credential in use; None if there is none yet, or if none is required.
        encoded: The HTTP request, without its credential.
        head: Status and headers of the response, success or error.
        is_started: Whether the request was sent.
        number: The number of the attempt within the call, for observers; 0 before they are notified.
        queued: The seconds that it waited for a limit or a key.
        has_lost: Whether another attempt that ran at the same time has answered.
        skipped: Why it was not sent; None if it was.
        has_other_keys: Whether a key of another group can be used if the limits of this one have no room.
        has_lost_upload: Whether the vendor does not have an uploaded file any more that the request refers to.
        batch: The vendor's id of the batch in which it was sent; None for a live call.
        within: The attempt that needs this one before it is sent, and whose key it uses; None for others.
        has_used_key: Whether a request with its key was sent: its own, or one within it.
    """

    round: Round
    endpoint: Endpoint
    model: str
    request: Any
    adaptations: dict[str, Adaptation] = field(default_factory=dict)
    learned: list[ModelRules] = field(default_factory=list)
    delay: float = 0.0
    started: float = 0.0
    timing: Timing | None = None
    lease: Lease | None = None
    encoded: HTTPCall | None = None
    head: ReplyHead | None = None
    is_started: bool = False
    number: int = 0
    queued: float = 0.0
    has_lost: bool = False
    skipped: str | None = None
    has_other_keys: bool = False
    has_lost_upload: bool = False
    batch: str | None = None
    within: Attempt | None = None
    has_used_key: bool = False

    @property
    def target(self) -> Target:
        """The endpoint and the model."""
        return Target(self.endpoint, self.model)

    def next_attempt(self, delay: float) -> Attempt:
        """Return the next attempt at the same request and endpoint."""
        return Attempt(self.round, self.endpoint, self.model, self.request, self.adaptations, self.learned, delay=delay)

    def adapt(self, adaptations: tuple[Adaptation, ...]) -> None:
        """
        Record adapted parameters, each once, then warn or raise as ``on_unsupported`` says.

        Raises:
            UnsupportedError: ``on_unsupported`` is ``"error"``.
        """
        if not adaptations:
            return
        for adaptation in adaptations:
            self.adaptations.setdefault(adaptation.parameter, adaptation)
        policy = self.round.call.options.on_unsupported
        if policy == "adapt":
            return
        address = f"{self.endpoint.name}/{self.model}"
        reasons = "; ".join(f"{adaptation.parameter}: {adaptation.reason}" for adaptation in adaptations)
        if policy == "error":
            raise UnsupportedError(
                f"{address} does not support all parameters. {reasons}.",
                hint='Remove them, or pass on_unsupported="adapt".',
                param=adaptations[0].parameter,
            )
        warnings.warn(f"{address}: {reasons}", UserWarning, stacklevel=2)

    @property
    def rate_limits(self) -> RateLimits | None:
        """The rate limits in the response headers, on success and on errors; None if there are none."""
        if self.head is None:
            return None
        try:
            return self.endpoint.rate_limits(self.head)
        except PluginFaultError as error:  # must not replace the reply or the vendor's error
            scrub(error, self.secrets())
            logs.emit("rate limits unreadable", level="warning", provider=self.endpoint.name, error=str(error))
            return None

    @property
    def key_label(self) -> str | None:
        """The label of the credential in `Attempt` records."""
        return self.lease.credential.label if self.lease is not None else self.endpoint.key_label

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets that errors must not contain: the credential, and those in the provider's settings."""
        credential = self.lease.credential if self.lease is not None else self.endpoint.credential
        return (*self.endpoint.secrets(), *([credential.secret.get_secret_value()] if credential is not None else ()))

    def succeed(self, result: object) -> None:
        """Record a successful attempt."""
        health, now = self.endpoint.health, self.round.call.clock.monotonic()
        health.running.discard(id(self))
        health.outcomes.append((now, False))
        if len(health.outcomes) > MAX_OUTCOMES:
            health.count_outcomes(now)
        if not self.round.call.streamed:
            health.latencies.append(now - self.started)
        if health.failures and health.succeed():
            self.report_breaker("closed")
        if health.adaptive is not None:
            adaptive.record_end(health, self.started, now, is_rejected=False)
        reply = result if isinstance(result, Answer) else None
        for adaptation in getattr(reply, "adaptations", ()):  # of a gateway
            self.adaptations.setdefault(adaptation.parameter, adaptation)
        if self.round.call.route is not None or self.endpoint.pool is not None:
            self._succeed_for_others(reply)
        if (key := self.endpoint.key_record) is not None:
            key.calls, key.status = key.calls + 1, "ready"
            key.tokens += (reply.usage.input_tokens or 0) + (reply.usage.output_tokens or 0) if reply is not None else 0
        cost = costs.FREE
        if reply is not None and self.endpoint.facts is None and reply.usage.reported_cost is None:
            cost = Cost(None, self.endpoint.no_price)
        elif reply is not None:
            cost = costs.cost_of_reply(self.endpoint, self.model, reply, self.round.call.clock.time())
        status = 200 if self.endpoint.remote is not None else None  # a model inside this process has none
        self.record(status, cost, reply=reply)

    def _succeed_for_others(self, reply: Answer | None) -> None:
        """End the race with another attempt, and let what continues this reply stay with the endpoint and its keys."""
        if self.round.contender is not None:
            self.round.contender.pending.clear()
        state, conversation = self.round.call.state, self.round.call.conversation
        if state is None:
            return
        from budwood.engine.endpoints.shared_state import Affinity

        affinity = Affinity(self.target.name, self.lease.group if self.lease is not None else None)
        if conversation is not None:
            state.conversations.set(conversation, affinity)
        if isinstance(reply, ChatResponse) and reply.id:
            state.responses.set(reply.id, affinity)

    def fail(self, error: ProviderError) -> None:
        """Complete an error with its target and rate limits, remove secrets from it, and record the attempt."""
        self._record_failure(error)
        if self.round.contender is not None:
            self.round.contender.pending.clear()
        error.add_target(self.endpoint.name, self.model)
        error.rate_limits = error.rate_limits or self.rate_limits
        scrub(error, self.secrets())
        status = self.head.status if error.status is None and self.head is not None else error.status
        cost = costs.FREE if self.is_unsent(error) else costs.cost_of_failure(error)
        if not self.is_started and self.endpoint.local is None:
            self.skipped = error.message
        self.record(status, cost, error=error)

    def is_unsent(self, error: BaseException) -> bool:
        """Tell whether the server has certainly not received the request."""
        if not self.is_started:
            return self.endpoint.local is None or not isinstance(error, ProviderError)
        return isinstance(error, ProviderError) and costs.cost_of_failure(error) is costs.FREE

    def abort(self, error: BaseException) -> None:
        """Record an attempt that ended without a reply or a provider's error, such as a cancelled one."""
        if isinstance(error, BudwoodError):
            scrub(error, self.secrets())
        self._record_failure(error)
        contender = self.round.contender
        if contender is not None:
            contender.record_loss()
        elif self.is_started:
            self.record(self.head.status if self.head is not None else None, costs.UNFINISHED, error=error)

    def report_breaker(self, state: BreakerState) -> None:
        """Notify observers that this attempt opened or closed the circuit breaker of its endpoint."""
        call = self.round.call
        if call.observers is not None:
            call.observers.report_breaker(self, state)

    def record_loss(self) -> None:
        """Record an attempt that is cancelled because another one has answered. What it costs is unknown."""
        if self.is_started:
            self.has_lost = True
            self.record(self.head.status if self.head is not None else None, costs.UNFINISHED)

    def _record_failure(self, error: BaseException) -> None:
        health, call = self.endpoint.health, self.round.call
        now = call.clock.monotonic()
        health.running.discard(id(self))
        is_answered = self.head is not None
        changed = health.record_error(error, self.started, now, call.random, is_answered=is_answered)
        if changed is not None:
            self.report_breaker(changed)
        if self.endpoint.key_record is not None and self.is_started and isinstance(error, ProviderError):
            self.endpoint.key_record.record_error(error, now)
        if health.adaptive is not None or health.running:
            adaptive.record_failure(health, error, self.started, now, lambda: prevents_overload(*self.target, error))

    def record(
        self, status: int | None, cost: Cost, *, reply: Answer | None = None, error: BaseException | None = None
    ) -> None:
        """Add the attempt to the ledger of its call, and notify observers."""
        call = self.round.call
        record = AttemptRecord(
            provider=self.endpoint.name,
            model=self.model,
            key=self.lease.credential.label if self.lease is not None else self.endpoint.key_label,
            status=status,
            duration=call.clock.monotonic() - self.started,
            delay=self.delay,
            error=type(error).__name__ if error is not None else None,
            request_id=getattr(reply or error, "request_id", None),
            usage=reply.usage if reply is not None else None,
            cost=cost.dollars,
            cost_unknown=cost.unknown,
            endpoint=self.endpoint.label,
            queued=self.queued,
            hedge=self.has_lost,
            skipped=self.skipped,
            batch=self.batch,
        )
        call.attempts.append(record)
        if call.observers is not None:
            call.observers.finish_attempt(self, record)


def attempt_timing(attempt: Attempt) -> Timing | None:
    """Return the limits of one attempt; None if only those of the call apply."""
    call = attempt.round.call
    bound, timing = call.options.attempt_timeout, call.timing
    head, deadline = None, timing.deadline
    if call.is_shared:  # each of the calls that share the request has a deadline, and leaves the request when it passes
        deadline += SHARED_SECONDS
    if call.streamed:
        head = attempt.started + (STREAM_HEAD_SECONDS if bound is None else bound)
    elif bound is not None:
        deadline = min(deadline, attempt.started + bound)
    elif not call.is_shared:
        return None
    return Timing(
        connect_timeout=timing.connect_timeout,
        idle_timeout=timing.idle_timeout,
        deadline=deadline,
        head_deadline=head,
    )
