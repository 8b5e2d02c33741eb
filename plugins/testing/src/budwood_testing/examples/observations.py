"""Example events for observers: one of each kind, and rare forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from budwood.errors import ServerError
from budwood.types import (
    Attempt,
    AttemptFinished,
    AttemptQueued,
    AttemptStarted,
    BreakerChanged,
    CacheFailed,
    CacheHit,
    ChatRequest,
    ChatResponse,
    EmbeddingResponse,
    EndpointFailed,
    FirstToken,
    Message,
    Observation,
    ParameterLearned,
    RateLimits,
    RequestFinished,
    RequestStarted,
    RetryScheduled,
    ToolFinished,
    ToolStarted,
    Usage,
)

CONTENT: Final = "conformance-content-of-users-and-models"
"""A marker in each field that contains prompts or replies."""

_SERVICE: Final[Mapping[str, Any]] = {"service": "chat", "provider": "acme", "model": "large"}
_TARGET: Final[Mapping[str, Any]] = {"provider": "acme", "model": "large"}
_URL: Final = "https://api.acme.example/v1"
_TAGS: Final[Mapping[str, str]] = {"user": "ada", "app.team": "support"}
_OPENED: Final[Mapping[str, Any]] = {
    "endpoint": "acme#2",
    "state": "open",
    "failures": 3,
    "next_probe": 2.2,
    "error": "ServerError",
}
_CLOSED: Final[Mapping[str, Any]] = {**_OPENED, "state": "closed", "failures": 0, "next_probe": None, "error": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent:
    """An event of an unknown kind, which a later version may add."""

    call: str


def observations(call: str = "1") -> Sequence[Observation]:
    """
    Return one event of each kind, in the order of a call that fails once, runs a tool, and succeeds.

    Args:
        call: The id of the call.
    """
    content = _content()
    request = ChatRequest(model="large", messages=(Message.user(content),), temperature=0.2)
    usage = Usage(input_tokens=12, output_tokens=3)
    failed = Attempt(
        **_TARGET, key="api_key", status=503, duration=0.5, error="ServerError", cost_unknown="the attempt failed"
    )
    answered = Attempt(**_TARGET, key="api_key", status=200, duration=0.5, usage=usage, cost=Decimal("0.002"))
    response = ChatResponse(message=Message.assistant(content), usage=usage, **_TARGET, attempts=(failed, answered))
    return [
        RequestStarted(call=call, **_SERVICE, prompt=content, request=request, url=_URL, tags=_TAGS),
        CacheFailed(call=call, cache="sqlite", operation="read", error="OSError", reason="disk full"),
        AttemptQueued(call=call, **_TARGET, limit="openai:requests_per_minute", delay=0.5),
        AttemptStarted(call=call, number=1, **_TARGET, key="api_key", url=_URL),
        AttemptFinished(call=call, number=1, attempt=failed, rate_limits=RateLimits(remaining_requests=0)),
        ParameterLearned(call=call, **_TARGET, parameters=("temperature",)),
        BreakerChanged(call=call, **_TARGET, **_OPENED),
        RetryScheduled(call=call, **_TARGET, delay=0.25, error="ServerError"),
        EndpointFailed(call=call, **_TARGET, endpoint="openai", error="ServerError"),
        AttemptStarted(call=call, number=2, **_TARGET, key="api_key", url=_URL),
        FirstToken(call=call, **_TARGET, seconds=0.1),
        AttemptFinished(call=call, number=2, attempt=answered),
        BreakerChanged(call=call, **_TARGET, **_CLOSED),
        ToolStarted(call=call, name="weather", arguments=content),
        ToolFinished(call=call, name="weather", failed=False, seconds=0.1, arguments=content, result=content),
        CacheHit(call=call, **_TARGET),
        RequestFinished(
            call=call,
            **_SERVICE,
            seconds=1.5,
            attempts=response.attempts,
            response=response,
            error=None,
            prompt=content,
            tags=_TAGS,
        ),
    ]


def rare_observations(call: str = "2") -> Sequence[Observation]:
    """
    Return events in rare forms: with unknown values, of failures, and without a matching start.

    Args:
        call: The id of the call.
    """
    content = _content()
    unknown = Attempt(**_TARGET, key=None, status=None, duration=0.0, cached=True)
    vectors = EmbeddingResponse(vectors=((1.0,),), model="", usage=Usage())
    refused = ServerError(f"refused: {content}")
    finished: dict[str, Any] = {"call": call, **_SERVICE, "seconds": 0.0, "attempts": (), "prompt": content}
    return [
        AttemptStarted(call=call, number=1, **_TARGET, key=None, url="http://["),
        AttemptFinished(call=call, number=7, attempt=unknown),
        CacheFailed(call=call, operation="write", error="ValueError", reason=None),
        ToolFinished(call=call, name="", failed=True, seconds=0.0, arguments="not JSON", result=""),
        RequestFinished(**finished, response=None, error=refused),
        RequestFinished(**finished, response=None, error=KeyboardInterrupt()),
        RequestFinished(**finished, response=None, error=None),
        RequestFinished(**finished | {"service": "embeddings"}, response=vectors, error=None),
    ]


def _content() -> str:
    """Return a new string, so that events do not share an object."""
    return f"Hello, {CONTENT}"
