"""The state of one call, and of each request in it."""

from __future__ import annotations

import contextvars
import functools
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from budwood.contracts import Clock
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.pipeline.service import Service
from budwood.errors import RequestTimeoutError
from budwood.option_settings import Options
from budwood.types import Adaptation, Attempt, ChatResponse, Timing

if TYPE_CHECKING:
    from budwood.engine.accounting.counting import TokenCounter
    from budwood.engine.accounting.observers import Observers
    from budwood.engine.budgets.budget import Budget
    from budwood.engine.caching.call_cache import CallCache
    from budwood.engine.caching.events import TimedEvent
    from budwood.engine.chat.option_types import Upload
    from budwood.engine.chat.structured import Output
    from budwood.engine.chat.tools import ToolConfig
    from budwood.engine.endpoints.shared_state import SharedState
    from budwood.engine.limits.client_limiter import ClientLimiter
    from budwood.engine.pipeline.streamed_downloads import EmittedBytes
    from budwood.engine.routing.hedging import Contender
    from budwood.engine.routing.routes import Route
    from budwood.plugins import Instances


@dataclass(slots=True)
class Call:
    """
    One call of a user, with all its attempts and rounds.

    Attributes:
        id: Identifies the call in events and logs.
        target: The requested endpoint and model; after a reply, those that answered.
        timing: The limits of the whole call.
        counter: Counts tokens.
        instances: Builds the media handlers that measure the media of its requests.
        find_limiter: Returns the limiter of the client.
        observers: The observers of the call; None if there are none.
        streamed: Whether the caller reads the reply as a stream of events.
        cache: How it uses the cache of replies; None without one.
        attempts: Every request that was sent.
        adaptations: The adapted parameters, by name.
        partial: Returns the partial reply of a stream; None before its first content.
        numbers: Yields the number of the next attempt, for observers; attempts may run concurrently.
        label: The label by which budgets and records group calls.
        tags: Dimensions for observers; None without any.
        conversation: The conversation that the call continues, which stays with one endpoint if possible.
        budgets: What the call may cost.
        route: The endpoints that the call may use; None if there is only one.
        key_groups: The groups of keys that it used last, by the label of the endpoint.
        state: What clients share about endpoints, for calls that continue a conversation; None for others.
        context: The context of the code that made the call, if that may differ from the one in which it is performed.
        is_shared: Whether it sends a request for several calls; see `budwood.engine.caching.flights`.
        upload: Which media of messages are uploaded.
    """

    id: str
    target: Target
    options: Options
    clock: Clock
    random: random.Random
    timing: Timing
    counter: TokenCounter
    instances: Instances
    find_limiter: Callable[[], ClientLimiter]
    observers: Observers | None = None
    streamed: bool = False
    cache: CallCache | None = None
    attempts: list[Attempt] = field(default_factory=list)
    adaptations: dict[str, Adaptation] = field(default_factory=dict)
    partial: Callable[[], ChatResponse] | None = None
    numbers: Iterator[int] = field(default_factory=functools.partial(itertools.count, 1))
    label: str | None = None
    tags: Mapping[str, str] | None = None
    conversation: str | None = None
    budgets: tuple[Budget, ...] = ()
    route: Route | None = None
    key_groups: dict[str, str] = field(default_factory=dict)
    state: SharedState | None = None
    context: contextvars.Context | None = None
    is_shared: bool = False
    upload: Upload = "auto"

    def check_credential(self) -> None:
        """
        Check that a credential is configured, if one is required. A reply from a cache needs none.

        Raises:
            CredentialError: It is missing.
        """
        if self.cache is None:
            self.target.endpoint.check_credential()

    def seconds_left(self) -> float:
        """
        Return the seconds until the deadline of the call.

        Raises:
            RequestTimeoutError: The deadline has passed.
        """
        left = self.timing.deadline - self.clock.monotonic()
        if left <= 0:
            raise self.deadline_error()
        return left

    def deadline_error(self) -> RequestTimeoutError:
        """Create the error for a call that exceeded its deadline outside of requests, such as in a tool."""
        error = RequestTimeoutError(
            f"The call, with its tools, took longer than its timeout of {self.options.timeout:g} s.",
            phase="deadline",
            hint="Raise timeout=… if the tools need the time.",
        )
        error.attempts = tuple(self.attempts)
        return error

    def record_cached(self, target: Target, saved: Decimal | None = None) -> None:
        """Record that the reply came from the cache, or from another call, and what was saved."""
        self.attempts.append(
            Attempt(
                provider=target.endpoint.name,
                model=target.model,
                key=None,
                status=None,
                duration=0.0,
                cached=True,
                cost=Decimal(0),
                saved=saved,
                endpoint=target.endpoint.label,
            )
        )


@dataclass(slots=True)
class Round:
    """
    One model request within a call, independent of the vendor: the first, or a later one after tool calls or a repair.

    Attributes:
        request: The request, before it is adapted to an endpoint.
        tools: The tools that the model may call.
        output: The schema that the reply must satisfy; None for plain text.
        is_valid: Returns whether a reply is valid. Invalid replies are neither stored in the cache nor loaded from it.
        number: The number of earlier rounds of tool calls.
        target: The endpoint that answers it; None for that of the call.
        adaptations: What was changed in the request for this endpoint.
        contender: The side of this round in a race of two requests; None without one.
        missed: The key that was looked up without finding a reply; None if none was.
        events: The events of the last attempt, if it is streamed and may be stored.
        emitted: What a stream has emitted of a download, over all attempts.
        has_lost_upload: Whether a file was uploaded again because the vendor did not have it any more.
    """

    call: Call
    service: Service
    request: Any
    tools: ToolConfig | None = None
    output: Output | None = None
    is_valid: Callable[[ChatResponse], bool] | None = None
    number: int = 0
    target: Target | None = None
    adaptations: tuple[Adaptation, ...] = ()
    contender: Contender | None = None
    missed: str | None = None
    events: list[TimedEvent] | None = None
    emitted: EmittedBytes | None = None
    has_lost_upload: bool = False
