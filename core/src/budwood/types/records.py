"""Records of calls, as a usage store keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from budwood.types.record import short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFailure:
    """
    The last failure of a call with an endpoint and a key, also of a call that succeeded with others.

    Attributes:
        endpoint: The endpoint, as in `Attempt`.
        key: The label of the key, or None.
        error: The class name of the error.
    """

    endpoint: str | None
    key: str | None
    error: str

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """
    What is kept of one call: no prompt, no reply, no credential.

    Attributes:
        id: The number of the record in its store; later records have higher ones.
        time: When the call ended, in seconds since 1970.
        call: The id of the call, as in its events.
        service: The service: ``"chat"``, ``"embeddings"`` and so on.
        provider: The instance that replied, or the last one that was asked; ``model`` is the model.
        endpoint: Its endpoint, which distinguishes the backups of a provider; None if nothing was sent.
        label: The label of the call, or None.
        tags: The tags of the call.
        key: The label of the last key, or None.
        input_tokens: Tokens of the reply; all counts of tokens are None if unknown, see `Usage`.
        cost: The cost of all attempts as far as it is known, in US dollars; the reason why it is not complete is in
            ``cost_unknown``.
        saved: What the cache has saved, in US dollars; None if that is not known.
        seconds: The duration of the call.
        first_token: Seconds from the start of the attempt to the first content of a stream; None for other calls.
        attempts: The number of requests that were sent.
        cached: Whether the reply came from the cache.
        status: The HTTP status of the last attempt, or None.
        error: The class name of the error, or None after success.
        failures: The endpoints and keys with which the call failed, the last one last.
    """

    id: int
    time: float
    call: str
    service: str
    provider: str
    model: str
    endpoint: str | None
    label: str | None
    key: str | None
    input_tokens: int | None
    uncached_input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cost: Decimal
    cost_unknown: str | None
    saved: Decimal | None
    seconds: float
    first_token: float | None
    attempts: int
    cached: bool
    status: int | None
    error: str | None
    failures: tuple[RecordedFailure, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """
    Selects records of calls. None selects all.

    Attributes:
        since: The earliest end, in seconds since 1970.
        until: The time before which the call ended, in seconds since 1970.
        provider: The instance; ``label`` and ``key`` likewise.
        tags: The values that some tags must have.
        model: The model, alone or as ``provider/model``.
        error: The class name of the error; ``"*"`` for any error.
        slower_than: The minimum duration in seconds.
        has_failures: Whether only calls are selected that failed with an endpoint or key, even if they succeeded with
            another one.
    """

    since: float | None = None
    until: float | None = None
    provider: str | None = None
    model: str | None = None
    label: str | None = None
    key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    slower_than: float | None = None
    has_failures: bool = False

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTotals:
    """
    The sums over a group of calls.

    Attributes:
        group: The values that the calls have in common, in the order in which they were asked for.
        calls: The number of calls; ``errors`` are those that failed, ``cached`` those that the cache answered.
        attempts: The number of requests that were sent.
        input_tokens: The tokens, as far as they are known; ``output_tokens`` as well.
        cost: The cost as far as it is known, in US dollars.
        unknown_costs: The number of calls whose cost is not complete.
        saved: What the cache has saved as far as that is known, in US dollars.
        seconds: The sum of the durations.
    """

    group: tuple[str | None, ...]
    calls: int
    errors: int
    cached: int
    attempts: int
    input_tokens: int
    output_tokens: int
    cost: Decimal
    unknown_costs: int
    saved: Decimal
    seconds: float

    __repr__ = short_repr
