"""Events for observers: one small record for each step of a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from budwood.types.record import short_repr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from budwood.types.endpoints import BreakerState
    from budwood.types.usage import Answer, Attempt, RateLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStarted:
    """
    A request of the user has started. It can take several attempts, rounds of tools, and repairs.

    Attributes:
        call: Identifies the call in all its events.
        service: The service: ``"chat"``, ``"embeddings"`` and so on.
        provider: The first instance that is asked; ``model`` is the model.
        prompt: The last text of the user. It is content, which must not be logged unless the user enables that.
        label: The label of the call, or None without one.
        tags: The tags of the call.
        request: The request before it is adapted to an endpoint: a `ChatRequest` for chats and completions, and
            that of the service for others. It is content as well.
        streamed: Whether the caller reads the reply as a stream.
        conversation: The id of the conversation, or None outside of conversations.
        url: The address of the provider, without user, password and query; None if the model runs in this process.
        plugin: The name of the provider's plugin, such as ``"openai"`` for a provider that is named ``"work"``.
    """

    call: str
    service: str
    provider: str
    model: str
    prompt: str
    label: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    request: object = None
    streamed: bool = False
    conversation: str | None = None
    url: str | None = None
    plugin: str = ""

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptQueued:
    """
    An attempt waits for a limit, before it is sent. `Attempt.queued` is the time that it waited.

    Attributes:
        limit: The name of the limit, such as ``"openai:requests_per_minute"``.
        delay: The seconds until there is room; None if that depends on other attempts.
    """

    call: str
    provider: str
    model: str
    limit: str
    delay: float | None

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """
    An attempt starts: an HTTP request is about to be sent, or a model inside the process is called.

    Attributes:
        number: The number of the attempt within the call, from 1. Concurrent attempts have different numbers.
        key: The label of the credential, or None without one; never the credential itself.
        url: The address of the endpoint, as in `RequestStarted`. That of a backup differs from its provider's.
        plugin: The name of the provider's plugin.
    """

    call: str
    number: int
    provider: str
    model: str
    key: str | None
    url: str | None = None
    plugin: str = ""

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished:
    """
    An attempt has ended: it succeeded, failed, or was abandoned by the caller.

    Every `AttemptStarted` is followed by one. If an attempt fails before anything is sent, because no token could be
    fetched, there is only this event.

    Attributes:
        number: The number of its `AttemptStarted`.
        attempt: The entry that is also in ``response.attempts``.
        rate_limits: The rate limits in the headers of the reply, or None.
    """

    call: str
    number: int
    attempt: Attempt
    rate_limits: RateLimits | None = None

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled:
    """A failed attempt is retried after ``delay`` seconds; ``error`` is the class name of the error."""

    call: str
    provider: str
    model: str
    delay: float
    error: str

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerChanged:
    """
    The circuit breaker of an endpoint has opened, has opened again after a failed probe, or has closed.

    Attributes:
        endpoint: The endpoint, as in `EndpointState.name`.
        state: ``"open"`` or ``"closed"``.
        failures: The failures since its last success.
        next_probe: Seconds until a call probes it; None if the breaker has closed.
        error: The class name of the last error; None if the breaker has closed.
    """

    call: str
    provider: str
    model: str
    endpoint: str
    state: BreakerState
    failures: int
    next_probe: float | None
    error: str | None

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFailed:
    """
    An endpoint failed, and the call asks the next one.

    Attributes:
        endpoint: Its name, which distinguishes the backups of a provider.
        error: The class name of the error.
    """

    call: str
    provider: str
    model: str
    endpoint: str
    error: str

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterLearned:
    """The server rejected parameters by name. The client remembers them for the model and sends the request again."""

    call: str
    provider: str
    model: str
    parameters: Sequence[str]

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheHit:
    """
    The cache answered, or an equal call at the same time; nothing was sent.

    Attributes:
        saved: What the request would have cost, in US dollars; None if that is not known.
    """

    call: str
    provider: str
    model: str
    saved: Decimal | None = None

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFailed:
    """
    A cache could not be read or written, and is skipped.

    ``cache`` is its name in the settings, or the class of an object; None if the fault is in the reply itself.
    ``reason`` is None if it could contain content.
    """

    call: str
    cache: str | None = None
    operation: Literal["read", "write"]
    error: str
    reason: str | None

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstToken:
    """The first content of a streamed reply has arrived, ``seconds`` after the start of the attempt."""

    call: str
    provider: str
    model: str
    seconds: float

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted:
    """
    A tool is about to run. ``arguments`` is the JSON that the model wrote, which is content.

    ``tool_call`` is the vendor's id of the tool call.
    """

    call: str
    name: str
    arguments: str
    tool_call: str = ""

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished:
    """
    A tool call has ended: it ran, was rejected, or was abandoned. Abandoned calls have ``failed``, without a result.

    ``arguments`` and ``result`` are content. If the call was rejected, there is only this event. ``tool_call`` is as in
    `ToolStarted`.
    """

    call: str
    name: str
    failed: bool
    seconds: float
    arguments: str
    result: str
    tool_call: str = ""

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished:
    """
    A request of the user has ended: it succeeded, failed, or was abandoned. Every `RequestStarted` is followed by one.

    Attributes:
        provider: The instance that replied, or the last one that was asked.
        seconds: Duration of the request.
        attempts: The requests that were sent for it, and the replies from the cache, with what they cost.
        response: The reply, which has content; None without a reply, and for lists of models and token counts.
        error: The error, or None after success. For an abandoned stream it is not an `Exception`. It can have content.
        prompt: As in `RequestStarted`; ``label`` and ``tags`` as well.
    """

    call: str
    service: str
    provider: str
    model: str
    seconds: float
    attempts: Sequence[Attempt]
    response: Answer | None
    error: BaseException | None
    prompt: str
    label: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    __repr__ = short_repr


Observation = (
    RequestStarted
    | AttemptQueued
    | AttemptStarted
    | AttemptFinished
    | RetryScheduled
    | BreakerChanged
    | EndpointFailed
    | ParameterLearned
    | CacheHit
    | CacheFailed
    | FirstToken
    | ToolStarted
    | ToolFinished
    | RequestFinished
)
"""Any event for observers. Further types may be added: an observer must ignore types that it does not know."""
