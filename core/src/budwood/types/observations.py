"""What observers are told: one small record for each thing that happens during a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budwood.types.usage import Answer, Attempt, RateLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStarted:
    """
    A request of the user begins. It may need several attempts, rounds of tools and repairs.

    Attributes:
        call: Identifies the call in all its records.
        service: What is asked for: ``"chat"``, ``"embeddings"`` and so on.
        provider: The instance that is asked first, with the model.
        prompt: The last text of the user: content, which must not be logged unless the user wants that.
    """

    call: str
    service: str
    provider: str
    model: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """
    An endpoint is about to be asked: an HTTP request is sent, or a model inside the process begins.

    Attributes:
        number: Counts the attempts of the call, from 1. It tells apart those that run side by side.
        key: The label of the credential; None where there is none. Never the credential.
    """

    call: str
    number: int
    provider: str
    model: str
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished:
    """
    One attempt is over: it succeeded, failed, or was left by its caller.

    Each `AttemptStarted` has one. An attempt that failed before anything was sent, because no token could be fetched,
    has this record alone.

    Attributes:
        number: That of its `AttemptStarted`.
        attempt: The record that is also in ``response.attempts``.
        rate_limits: What the headers of the reply say, where there are any.
    """

    call: str
    number: int
    attempt: Attempt
    rate_limits: RateLimits | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled:
    """A failed attempt is repeated after ``delay`` seconds; ``error`` is the error's class name."""

    call: str
    provider: str
    model: str
    delay: float
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterLearned:
    """The server rejected parameters by name; the client remembers that for the model and sends the request anew."""

    call: str
    provider: str
    model: str
    parameters: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheHit:
    """The cache answered; nothing was sent."""

    call: str
    provider: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFailed:
    """A cache could not be read or written, and is not used. ``reason`` is None where it could be content."""

    call: str
    operation: Literal["read", "write"]
    error: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstToken:
    """The first content of a streamed reply has arrived, ``seconds`` after its attempt began."""

    call: str
    provider: str
    model: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted:
    """A tool is about to run; ``arguments`` is the JSON that the model wrote: content."""

    call: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished:
    """
    A tool has run, was refused, or was left before its end: then it has ``failed``, and its result is empty.

    ``arguments`` and ``result`` are content. A tool that was refused has this record alone.
    """

    call: str
    name: str
    failed: bool
    seconds: float
    arguments: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished:
    """
    A request of the user is over: answered, failed, or left by its caller. Each `RequestStarted` has one.

    Attributes:
        provider: The instance that answered, or the last that was asked.
        seconds: From start to end.
        attempts: How many entries the ledger has.
        response: The reply; None where there is none, or where it is a list of models or a count. It holds content.
        error: What the request ended with; None where it was answered. A stream that its reader left ends with an
            error that is no `Exception`. It may hold content.
        prompt: As in `RequestStarted`.
    """

    call: str
    service: str
    provider: str
    model: str
    seconds: float
    attempts: int
    response: Answer | None
    error: BaseException | None
    prompt: str


Observation = (
    RequestStarted
    | AttemptStarted
    | AttemptFinished
    | RetryScheduled
    | ParameterLearned
    | CacheHit
    | CacheFailed
    | FirstToken
    | ToolStarted
    | ToolFinished
    | RequestFinished
)
"""All that an observer may be told. Further kinds may be added: an observer ignores those that it does not know."""
