"""Options of calls, with their defaults."""

from __future__ import annotations

import math
from datetime import UTC, tzinfo
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

MAX_NAMESPACE = 200
"""The maximum length of a namespace of the cache."""

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def find_timezone(name: str) -> tzinfo:
    """
    Return a time zone by its name.

    Raises:
        ValueError: It is not known.
    """
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # not above: few programs name a time zone

    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # whatever it finds or does not find on the disk
        raise ValueError(
            "is not a known time zone; write it as in 'Europe/Oslo', and install tzdata if the system has none"
        ) from None


def _check_timezone(name: str) -> str:
    find_timezone(name)
    return name


def _check_hedge(value: object) -> object:
    if value is None or value == "p95":
        return value
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # any value
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ValueError("must be 'p95', or a number of seconds above 0")
    return seconds


def _parse_ttl(seconds: float) -> float | None:
    return None if seconds == math.inf else seconds


def _check_namespace(name: str) -> str:
    if not 0 < len(name) <= MAX_NAMESPACE or ":" in name or not name.isprintable():
        raise ValueError(f"must have 1 to {MAX_NAMESPACE} printable characters, and no colon")
    return name


TimeZone = Annotated[str, AfterValidator(_check_timezone)]


class Options(BaseModel):
    """
    Options of a call, with their defaults.

    Attributes:
        retries: How often a failed request is sent again.
        timeout: Seconds for the whole call, with all attempts, delays and rounds.
        connect_timeout: Seconds to open a connection.
        idle_timeout: Seconds without data after which a response counts as lost.
        on_unsupported: What to do with a parameter that the model does not support: ``"adapt"`` omits or changes it and
            reports that in ``response.adaptations``, ``"warn"`` also warns, ``"error"`` raises `UnsupportedError`
            before anything is sent.
        repairs: How often a reply that does not satisfy the schema is sent back with the validation errors.
        max_tool_rounds: How often the model may call tools before it must answer.
        attempt_timeout: Seconds for one attempt, which is retried afterwards. Until then a reply must be complete, or,
            for a stream, the response headers must have arrived. Defaults to no limit, and to 60 s for streams.
        max_retry_after: The longest ``Retry-After`` to wait for, in seconds. If a vendor asks for more, the error is
            raised immediately.
        fallbacks: Further models, as ``provider/model``, asked in this order if the endpoints of the first fail.
        fallback_on: Classes of errors after which a fallback is asked although it is not by default, such as
            ``"ContentFilterError"``.
        routing: The order of the endpoints: ``"ordered"`` as listed, ``"round-robin"``, ``"cheapest"`` for the request,
            ``"weighted"`` at random by ``weights``, or ``"fastest"`` by the time to the first content.
        weights: The weights of endpoints, by ``provider/model`` or by the name of the endpoint; 1 by default.
        hedge: When to send a second request if the first has no answer yet: after this number of seconds, or after
            ``"p95"``, the 95th percentile of the endpoint's last latencies. The first answer wins.
        on_stream_failure: What to do when a stream is interrupted after its first content: ``"raise"``
            `StreamInterruptedError`, or ``"restart"`` with the event `Restarted`.
        unknown_price: Whether budgets refuse a request whose highest cost or number of tokens is not known
            (``"refuse"``), or reserve what is known of it (``"ignore"``).
        assume_output: The ``max_tokens`` that a budget sends if a call has none.
        cache_ttl: Seconds for which a stored reply is fresh. By default it never expires; ``math.inf`` removes a limit
            of the client or the settings.
        cache_stale: Seconds for which a stored reply is returned after that, while it is requested again in the
            background.
        cache_namespace: Separates stored replies: those of one namespace are not found in another.
        cache_max_temperature: Chats and completions with a higher temperature, or without one, do not use the cache.
            None for any.
        cache_tool_calls: Whether replies that call tools are stored.
        cache_pace: Whether the events of a stored stream are emitted at once (``"instant"``), or with the delays that
            they had (``"recorded"``).
        cache_lease: Seconds after which another process sends a request that several processes share, if the one that
            sends it was killed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    retries: Annotated[int, Field(ge=0, le=100)] = 2
    timeout: Seconds = 600.0
    connect_timeout: Seconds = 5.0
    idle_timeout: Seconds = 60.0
    on_unsupported: Literal["adapt", "warn", "error"] = "adapt"
    repairs: Annotated[int, Field(ge=0, le=100)] = 1
    max_tool_rounds: Annotated[int, Field(ge=0, le=1000)] = 10
    max_retry_after: Annotated[float, Field(ge=0)] = 120.0
    attempt_timeout: Seconds | None = None
    fallbacks: tuple[str, ...] = ()
    fallback_on: tuple[str, ...] = ()
    routing: Literal["ordered", "round-robin", "cheapest", "weighted", "fastest"] = "ordered"
    weights: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    hedge: Annotated[Literal["p95"] | float | None, BeforeValidator(_check_hedge)] = None
    on_stream_failure: Literal["raise", "restart"] = "raise"
    unknown_price: Literal["refuse", "ignore"] = "refuse"
    cache_ttl: Annotated[float, Field(gt=0), AfterValidator(_parse_ttl)] | None = None
    cache_stale: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    cache_namespace: Annotated[str, AfterValidator(_check_namespace)] = "default"
    cache_max_temperature: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    cache_tool_calls: bool = False
    cache_pace: Literal["instant", "recorded"] = "instant"
    cache_lease: Seconds = 15.0
    assume_output: Annotated[int, Field(ge=1)] = 4096

    @cached_property
    def is_routed(self) -> bool:
        """Whether calls may use several endpoints, or send a request twice."""
        return bool(
            self.fallbacks or self.weights or self.fallback_on or self.hedge or self.on_stream_failure == "restart"
        )
