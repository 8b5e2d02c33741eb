"""Usage, cost and attempts of a call."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from pydantic import Field, SkipValidation

from budwood.types.record import JSON, Record, short_repr

N = TypeVar("N", int, float, Decimal)

NO_PRICE: Final = "no price known"
"""The reason for an unknown cost, if nothing more specific is known."""


class Usage(Record):
    """
    Tokens of one call, or the sum over several, in one form for all vendors. Unknown is None, never 0.

    ``input_tokens`` and ``output_tokens`` are totals: cached input and reasoning are part of them.
    ``cache_write_1h_tokens`` are those of ``cache_write_tokens`` that the cache keeps for an hour, if the vendor
    reports them. ``characters`` are those of the text that was spoken, and ``audio_seconds`` the duration of audio
    that was written down, in case the vendor charges by these. ``reported_cost`` is what the vendor says it charges,
    in US dollars; most vendors report no cost.
    ``raw`` is the usage in the vendor's own form; a sum has none.
    """

    input_tokens: int | None = None
    uncached_input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    characters: int | None = None
    audio_seconds: float | None = None
    reported_cost: Decimal | None = None
    raw: SkipValidation[dict[str, JSON] | None] = Field(default=None, repr=False)

    @property
    def total_tokens(self) -> int | None:
        """Input and output together, or None if either is unknown."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=_add(self.input_tokens, other.input_tokens),
            uncached_input_tokens=_add(self.uncached_input_tokens, other.uncached_input_tokens),
            cache_read_tokens=_add(self.cache_read_tokens, other.cache_read_tokens),
            cache_write_tokens=_add(self.cache_write_tokens, other.cache_write_tokens),
            cache_write_1h_tokens=_add(self.cache_write_1h_tokens, other.cache_write_1h_tokens),
            output_tokens=_add(self.output_tokens, other.output_tokens),
            reasoning_tokens=_add(self.reasoning_tokens, other.reasoning_tokens),
            characters=_add(self.characters, other.characters),
            audio_seconds=_add(self.audio_seconds, other.audio_seconds),
            reported_cost=_add(self.reported_cost, other.reported_cost),
        )


def _add(first: N | None, second: N | None) -> N | None:
    """Add two numbers; if one is unknown, the sum is unknown."""
    return None if first is None or second is None else first + second


class RateLimits(Record):
    """
    The rate limits that the headers of a reply report. Unknown is None.

    Resets are in seconds after the reply. ``period_requests`` and ``period_tokens`` are the seconds of the period of a
    limit that is not per minute.
    """

    limit_requests: int | None = None
    remaining_requests: int | None = None
    reset_requests: float | None = None
    limit_tokens: int | None = None
    remaining_tokens: int | None = None
    reset_tokens: float | None = None
    period_requests: float | None = None
    period_tokens: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """
    A parameter that was not sent as it was passed.

    ``action`` is ``"renamed"``, ``"dropped"`` or ``"changed"``; ``reason`` says why.
    """

    parameter: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """
    One request that was sent for a call, or an endpoint that was skipped, and the outcome.

    ``status`` is the HTTP status, or None if no response headers arrived. ``duration``, ``delay`` before the attempt,
    and ``queued``, the time that it waited for a limit or a key, are in seconds; ``error`` is the class name of the
    error; ``cached`` marks a reply from the cache, or one that an equal call has received at the same time: nothing was
    sent for it, and ``saved`` is what that would have cost. ``cost`` and ``saved`` are in US dollars; without a cost,
    the reason is in ``cost_unknown``. ``endpoint`` distinguishes the backups of a provider, as in `EndpointState.name`.
    ``skipped`` says why an endpoint was not asked. ``batch`` is the vendor's id of the batch in which it was sent.
    ``hedge`` marks an attempt that lost against another one that ran at
    the same time.
    """

    provider: str
    model: str
    key: str | None
    status: int | None
    duration: float
    delay: float = 0.0
    error: str | None = None
    request_id: str | None = None
    usage: Usage | None = None
    cached: bool = False
    cost: Decimal | None = None
    cost_unknown: str | None = None
    endpoint: str | None = None
    queued: float = 0.0
    skipped: str | None = None
    hedge: bool = False
    saved: Decimal | None = None
    batch: str | None = None

    def __repr__(self) -> str:
        return short_repr(self)


class Cost(NamedTuple):
    """US dollars, or None with the reason in ``unknown``."""

    dollars: Decimal | None
    unknown: str | None = None


class Answer:
    """The common base of `ChatResponse`, `EmbeddingResponse` and `ModerationResponse`."""

    if TYPE_CHECKING:
        usage: Usage
        model: str
        request_id: str | None
