"""The state of one call: what it may take, and the ledger of what it took."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from budwood import logs
from budwood.contracts import Cache, Clock
from budwood.engine.accounting import costs
from budwood.engine.accounting.counting import TokenCounter
from budwood.engine.pipeline.endpoints import Endpoint
from budwood.errors import ProviderError, RequestTimeoutError
from budwood.settings import Options
from budwood.types import Adaptation, Answer, Attempt, Body, ChatRequest, Cost, HTTPCall, ModelRules, Timing


class ReplyCache(NamedTuple):
    """
    The cache that a client uses.

    Attributes:
        store: Keeps the replies.
        inline: Whether it is fast enough for the event loop.
        ttl: Seconds that a reply is kept; None for ever.
        owned: Whether the client made it, and closes it.
    """

    store: Cache
    inline: bool
    ttl: float | None = None
    owned: bool = True


class Written(NamedTuple):
    """
    A request as it was last written for the vendor: what a refusal of one of its parameters is about.

    Attributes:
        request: What was asked.
        body: What was sent for it.
        again: Writes it anew, by what is known by then.
    """

    request: ChatRequest
    body: Body
    again: Callable[[], HTTPCall]


@dataclass(slots=True)
class Call:
    """
    One call of a user, through all its attempts and rounds.

    Attributes:
        id: Tells calls apart in the log.
        timing: The deadline that all attempts share.
        counter: Counts tokens, and learns from replies to do it better.
        ledger: Every request that was sent.
        adaptations: Every parameter that was not sent as given.
        written: The last chat request that was written.
        taught: What its server's refusals taught.
    """

    id: str
    endpoint: Endpoint
    model: str
    options: Options
    clock: Clock
    random: random.Random
    timing: Timing
    counter: TokenCounter
    cache: ReplyCache | None = None
    ledger: list[Attempt] = field(default_factory=list)
    adaptations: dict[str, Adaptation] = field(default_factory=dict)
    written: Written | None = None
    taught: list[ModelRules] = field(default_factory=list)

    def record(self, started: float, waited: float, outcome: Answer | ProviderError | None) -> None:
        """Write one attempt into the ledger and the log. None stands for a success without a model's reply."""
        failed = outcome if isinstance(outcome, ProviderError) else None
        replied = outcome if isinstance(outcome, Answer) else None
        cost = self._cost(outcome)
        attempt = Attempt(
            provider=self.endpoint.name,
            model=self.model,
            key=self.endpoint.key_label,
            status=_status(self.endpoint, failed),
            duration=self.clock.monotonic() - started,
            waited=waited,
            error=type(failed).__name__ if failed else None,
            request_id=outcome.request_id if outcome is not None else None,
            usage=replied.usage if replied else None,
            cost=cost.dollars,
            cost_unknown=cost.unknown,
        )
        self.ledger.append(attempt)
        if logs.wanted():
            self._log(attempt)

    def _log(self, attempt: Attempt) -> None:
        logs.emit(
            "attempt",
            call=self.id,
            number=len(self.ledger),
            provider=attempt.provider,
            model=attempt.model,
            status=attempt.status,
            error=attempt.error,
            seconds=round(attempt.duration, 6),
            waited=attempt.waited,
            request_id=attempt.request_id,
            input_tokens=attempt.usage.input_tokens if attempt.usage else None,
            output_tokens=attempt.usage.output_tokens if attempt.usage else None,
        )

    def _cost(self, outcome: Answer | ProviderError | None) -> Cost:
        match outcome:
            case None:
                return costs.FREE
            case ProviderError():
                return costs.cost_of_failure(outcome)
            case _:
                return costs.cost_of_reply(self.endpoint, self.model, outcome, self.clock.time())

    def cost(self) -> dict[str, object]:
        """Say what all attempts cost, as the fields of a response."""
        cost = costs.total(self.ledger)
        return {"cost": cost.dollars, "cost_unknown": cost.unknown}

    def seconds_left(self) -> float:
        """
        Return how long the call may still take.

        Raises:
            RequestTimeoutError: No longer.
        """
        left = self.timing.deadline - self.clock.monotonic()
        if left <= 0:
            raise self.overdue()
        return left

    def overdue(self) -> RequestTimeoutError:
        """Say that the call took too long, where no request to the provider is to blame."""
        error = RequestTimeoutError(
            "The call, with its tools, took longer than its timeout.",
            phase="deadline",
            hint="Raise timeout=… if the tools need the time.",
        )
        error.attempts = tuple(self.ledger)
        return error

    def record_cached(self) -> None:
        """Note that the cache answered: nothing was sent."""
        self.ledger.append(
            Attempt(
                provider=self.endpoint.name,
                model=self.model,
                key=None,
                status=None,
                duration=0.0,
                cached=True,
                cost=Decimal(0),
            )
        )

    def note(self, adaptations: tuple[Adaptation, ...]) -> None:
        """Keep the receipts of an encoder, each parameter once."""
        for adaptation in adaptations:
            self.adaptations.setdefault(adaptation.parameter, adaptation)


def _status(endpoint: Endpoint, failed: ProviderError | None) -> int | None:
    """Return the HTTP status of an attempt; a model inside this process has none."""
    if failed is not None:
        return failed.status
    return 200 if endpoint.remote is not None else None
