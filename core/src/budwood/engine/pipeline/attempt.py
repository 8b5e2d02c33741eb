"""One try of a round at one endpoint."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

from budwood import logs
from budwood.engine.accounting import costs
from budwood.engine.pipeline.call import Round
from budwood.engine.pipeline.credentials import Lease
from budwood.engine.pipeline.endpoints import Endpoint, Target
from budwood.engine.pipeline.secrets import scrub
from budwood.errors import BudwoodError, PluginFaultError, ProviderError, UnsupportedError
from budwood.types import Adaptation, Answer, Cost, HTTPCall, ModelRules, RateLimits, ReplyHead, Timing
from budwood.types import Attempt as AttemptRecord


@dataclass(slots=True)
class Attempt:
    """
    One request to one endpoint: whatever depends on the endpoint is decided and kept here.

    Attributes:
        request: The round's request, as this endpoint and model can take it.
        adaptations: Parameters that are not sent as given; shared with the retries of the same request.
        learned: The rules that rejections of the same request have taught; shared as well.
        delay: Seconds that were waited before it.
        started: When it began, by the call's clock.
        timing: Its own bounds; None for those of the call.
        lease: The credential that it uses; None before there is one, or where none is needed.
        encoded: The HTTP request, without its credential.
        head: Status and headers of the reply, success or error.
        is_started: Whether the endpoint was asked.
        number: Its number among the attempts of the call, for observers; 0 while none has been told.
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

    @property
    def target(self) -> Target:
        """The endpoint and the model."""
        return Target(self.endpoint, self.model)

    def again(self, delay: float) -> Attempt:
        """Return the next try of the same request at the same endpoint."""
        return Attempt(self.round, self.endpoint, self.model, self.request, self.adaptations, self.learned, delay=delay)

    def adapt(self, adaptations: tuple[Adaptation, ...]) -> None:
        """
        Record parameters that are not sent as given, each once, and do what ``on_unsupported`` says.

        Raises:
            UnsupportedError: The caller wants everything sent as given.
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
                f"{address} does not take all parameters as given. {reasons}.",
                hint='Leave them out, or pass on_unsupported="adapt".',
            )
        warnings.warn(f"{address}: {reasons}", UserWarning, stacklevel=2)

    @property
    def rate_limits(self) -> RateLimits | None:
        """What the headers of the reply say about the limits, on success and on errors; None where a plugin fails."""
        if self.head is None:
            return None
        try:
            return self.endpoint.rate_limits(self.head)
        except PluginFaultError as error:  # neither the reply nor the vendor's error is lost for it
            scrub(error, self.secrets())
            logs.emit("rate limits unreadable", level="warning", provider=self.endpoint.name, error=str(error))
            return None

    @property
    def key_label(self) -> str | None:
        """The name of the credential in ledgers."""
        return self.lease.credential.label if self.lease is not None else self.endpoint.key_label

    def secrets(self) -> tuple[str, ...]:
        """Return what must not be in an error: the credential, and the secrets of the provider's settings."""
        credential = self.lease.credential if self.lease is not None else self.endpoint.credential
        return (*self.endpoint.secrets(), *([credential.secret.get_secret_value()] if credential is not None else ()))

    def succeed(self, result: object) -> None:
        """Record the attempt in the ledger."""
        reply = result if isinstance(result, Answer) else None
        cost = costs.FREE
        if reply is not None and self.endpoint.facts is None and reply.usage.reported_cost is None:
            cost = Cost(None, self.endpoint.no_price)
        elif reply is not None:
            cost = costs.cost_of_reply(self.endpoint, self.model, reply, self.round.call.clock.time())
        status = 200 if self.endpoint.remote is not None else None  # a model inside this process has none
        self._record(status, cost, reply=reply, request_id=reply.request_id if reply is not None else None)

    def fail(self, error: ProviderError) -> None:
        """Complete an error: who was asked, what the headers say; take the credential out; record the attempt."""
        error.add_target(self.endpoint.name, self.model)
        error.rate_limits = error.rate_limits or self.rate_limits
        scrub(error, self.secrets())
        status = self.head.status if error.status is None and self.head is not None else error.status
        self._record(status, costs.cost_of_failure(error), error=error, request_id=error.request_id)

    def abort(self, error: BaseException) -> None:
        """Record an attempt that ended without a reply or an error of the provider: the caller left, or code failed."""
        if isinstance(error, BudwoodError):
            scrub(error, self.secrets())
        if self.is_started:
            self._record(self.head.status if self.head is not None else None, costs.UNFINISHED, error=error)

    def _record(
        self,
        status: int | None,
        cost: Cost,
        *,
        reply: Answer | None = None,
        error: BaseException | None = None,
        request_id: str | None = None,
    ) -> None:
        call = self.round.call
        record = AttemptRecord(
            provider=self.endpoint.name,
            model=self.model,
            key=self.lease.credential.label if self.lease is not None else self.endpoint.key_label,
            status=status,
            duration=call.clock.monotonic() - self.started,
            waited=self.delay,
            error=type(error).__name__ if error is not None else None,
            request_id=request_id,
            usage=reply.usage if reply is not None else None,
            cost=cost.dollars,
            cost_unknown=cost.unknown,
        )
        call.ledger.append(record)
        if call.observers is not None:
            call.observers.attempt_finished(self, record)
