"""Report calls that other libraries send to Budwood's observers."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from budwood.client.arguments import read_settings
from budwood.clock import SystemClock
from budwood.contracts import Clock, Observer
from budwood.contracts.tags import parse_tags
from budwood.engine.accounting.costs import find_facts
from budwood.engine.accounting.observer_loading import close_observers, load_observers
from budwood.engine.accounting.observers import Observers
from budwood.names import identify, normalise
from budwood.plugins import Instances, Registry
from budwood.settings import Settings
from budwood.types import (
    Attempt,
    AttemptFinished,
    AttemptStarted,
    CacheHit,
    ChatResponse,
    Cost,
    FirstToken,
    Observation,
    RequestFinished,
    RequestStarted,
    Usage,
)
from budwood.types.responses import ServiceResponse

if TYPE_CHECKING:
    from budwood.types import ModelFacts

Reply = ChatResponse | ServiceResponse
"""The reply of any service."""

_FREE: Final = Cost(Decimal(0))
_UNKNOWN: Final = Cost(None, "the call failed, and its usage is not known")


class CallReporter:
    """
    Reports calls that another library sends to observers, such as the usage store.

    .. code-block:: python

        with budwood.CallReporter(["usage"]) as reporter:
            call = reporter.start("openai", "gpt-4.1", label="mails")
            reply = other_library.ask("…")
            call.finish(usage=budwood.Usage(input_tokens=9, output_tokens=3))

    Methods may be called from several threads. Errors of observers are logged once, and do not affect the caller.

    Args:
        observers: Names of plugins, or objects with a method ``observe``; by default those in the settings.
        settings: As for `budwood.Client`.
        registry: Finds plugins; by default those that are installed.
        clock: The clock; for tests.

    Raises:
        ConfigurationError: An argument or the settings are invalid.
        PluginError: An observer does not exist or cannot be used.
    """

    def __init__(
        self,
        observers: Sequence[str | Observer] | None = None,
        *,
        settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        registry: Registry | None = None,
        clock: Clock | None = None,
    ) -> None:
        loaded = settings if isinstance(settings, Settings) else Settings.load(read_settings(settings))
        self._clock = clock or SystemClock()
        self._instances = Instances(loaded, registry, self._clock)
        named = loaded.observers if observers is None else observers
        self._observers, self._owned = load_observers(self._instances, named)
        self._listed = tuple(named)
        self._groups: dict[tuple[int, ...], Observers] = {}

    def needs(self, kind: type[Observation]) -> bool:
        """Tell whether an observer receives a kind of event, so that its content is worth preparing."""
        return self._find_group(()).needs(kind)

    def observers(self) -> tuple[str | Observer, ...]:
        """Return the observers: the names of those that were created, and the objects that were passed."""
        return self._listed

    def start(
        self,
        provider: str,
        model: str,
        *,
        call: str | None = None,
        service: str = "chat",
        prompt: str = "",
        request: object = None,
        label: str | None = None,
        tags: Mapping[str, str] | None = None,
        streamed: bool = False,
        reported_to: Collection[str | Observer] = (),
    ) -> ReportedCall:
        """
        Report that a call has started.

        Args:
            provider: The name of the vendor or of the instance under which it is recorded, such as ``"openai"``.
            model: The vendor's name of the model.
            call: Identifies the call in its events; by default it is random.
            service: ``"chat"``, ``"completion"``, ``"embeddings"`` and so on.
            prompt: The last text of the user. It is content, which must not be logged unless the user enables that.
            request: A `ChatRequest`, or the request of another service. It is content as well.
            label: The label by which observers can group calls.
            tags: Further dimensions for observers, as in `AskOptions`.
            streamed: Whether the caller reads the reply as a stream.
            reported_to: Observers that another client reports the call to: names, objects, or
                `budwood.ClientPair.observer_ids`. They receive no events of it here.
        """
        event = RequestStarted(
            call=call or secrets.token_hex(8),
            service=service,
            provider=provider,
            model=model,
            prompt=prompt,
            label=label,
            tags=parse_tags(tags or {}),
            request=request,
            streamed=streamed,
            plugin=provider,
        )
        return ReportedCall(self._find_group(reported_to), self._clock, self._instances.catalog_facts, event)

    def close(self) -> None:
        """Close the observers that were created from names. Closing twice is no error."""
        owned, self._owned = self._owned, ()
        close_observers(owned)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _find_group(self, excluded: Collection[str | Observer]) -> Observers:
        """Return the observers without some of them, as one, which logs the first error of each."""
        ids = {identify(each) for each in excluded}
        chosen = tuple(index for index, listed in enumerate(self._listed) if identify(listed) not in ids)
        group = self._groups.get(chosen)
        if group is None:
            group = self._groups.setdefault(chosen, Observers([self._observers[index] for index in chosen]))
        return group


class ReportedCall:
    """
    A call that has started; see `CallReporter.start`. End it with `finish` or `fail`, once.

    Args:
        observers: Receive its events.
        clock: The clock.
        find_catalog: Returns, for a provider, the function with the catalog's facts of its models.
        event: The event of its start.

    Attributes:
        id: Identifies the call in its events.
        provider: The provider that was asked, and at the end the one that answered; ``model`` likewise.
    """

    def __init__(
        self,
        observers: Observers,
        clock: Clock,
        find_catalog: Callable[[str], Callable[[str], ModelFacts]],
        event: RequestStarted,
    ) -> None:
        self.id = event.call
        self.provider, self.model = event.provider, event.model
        self._observers = observers
        self._clock = clock
        self._find_catalog = find_catalog
        self._facts = find_catalog(event.provider)
        self._event = event
        self._started = clock.monotonic()
        self._has_content = False
        observers.observe(event)
        observers.observe(AttemptStarted(**self._target(), number=1, key=None, plugin=event.plugin))

    def report_first_token(self) -> None:
        """Report that the first content of a stream has arrived. Only the first report counts."""
        if not self._has_content:
            self._has_content = True
            self._observers.observe(FirstToken(**self._target(), seconds=self._clock.monotonic() - self._started))

    def finish(
        self,
        response: Reply | None = None,
        *,
        usage: Usage | None = None,
        provider: str = "",
        requested_model: str = "",
        model: str = "",
        service_tier: str | None = None,
        cached: bool = False,
    ) -> None:
        """
        Report that the call has succeeded.

        Args:
            response: The reply, such as a `ChatResponse`.
            usage: The tokens of the call; by default those of the reply.
            provider: The provider that answered, such as a backup: the call is recorded under its name. By default that
                of the reply, or else the one of the start.
            requested_model: The model that was requested from it, under which the call is recorded; by default that of
                the start, or the model that answered if it is of another provider.
            model: The model that answered, by which its price is found; by default that of the reply.
            service_tier: The tier with prices of its own in which the vendor answered; None for the standard tier.
            cached: Whether a cache of the caller answered, so that nothing was sent.
        """
        if response is not None:
            usage, provider, model = usage or response.usage, provider or response.provider, model or response.model
        self._set_target(provider or self.provider, requested_model, model)
        cost = self._find_cost(usage or Usage(), model, service_tier)
        if cached:
            self._observers.observe(CacheHit(**self._target(), saved=cost.dollars))
            self._end(response, None, usage, _FREE, saved=cost.dollars, cached=True)
        else:
            self._end(response, None, usage, cost)

    def fail(
        self,
        error: BaseException,
        response: Reply | None = None,
        *,
        usage: Usage | None = None,
        status: int | None = None,
    ) -> None:
        """
        Report that the call has failed, or was abandoned.

        Args:
            error: The error. One that is not an `Exception` means that the caller has left.
            response: What arrived of the reply.
            usage: The tokens of the call, if they are known.
            status: The HTTP status, if there is one.
        """
        cost = _UNKNOWN if usage is None else self._find_cost(usage, "", None)
        self._end(response, error, usage, cost, status=status)

    def _target(self) -> dict[str, str]:
        return {"call": self.id, "provider": self.provider, "model": self.model}

    def _set_target(self, provider: str, requested: str, answered: str) -> None:
        if normalise(provider) != normalise(self.provider):
            requested = requested or answered
            self.provider, self._facts = provider, self._find_catalog(provider)
        self.model = requested or self.model

    def _end(
        self,
        response: Reply | None,
        error: BaseException | None,
        usage: Usage | None,
        cost: Cost,
        *,
        status: int | None = None,
        cached: bool = False,
        saved: Decimal | None = None,
    ) -> None:
        seconds = self._clock.monotonic() - self._started
        attempt = Attempt(
            provider=self.provider,
            model=self.model,
            key=None,
            status=status,
            duration=seconds,
            error=None if error is None else type(error).__name__,
            usage=usage,
            cost=cost.dollars,
            cost_unknown=cost.unknown,
            cached=cached,
            saved=saved,
        )
        if response is not None:
            paid = {"cost": cost.dollars, "cost_unknown": cost.unknown, "saved": saved, "cached": cached}
            response = response.model_copy(update={"attempts": (attempt,), **paid})
        self._observers.observe(AttemptFinished(call=self.id, number=1, attempt=attempt))
        self._observers.observe(
            RequestFinished(
                **self._target(),
                service=self._event.service,
                seconds=seconds,
                attempts=(attempt,),
                response=response,
                error=error,
                prompt=self._event.prompt,
                label=self._event.label,
                tags=self._event.tags,
            )
        )

    def _find_cost(self, usage: Usage, answered: str, service_tier: str | None) -> Cost:
        if usage.reported_cost is not None:
            return Cost(usage.reported_cost)
        facts = find_facts(self._facts, self.model, answered)
        return facts.cost(usage, datetime.fromtimestamp(self._clock.time(), UTC), service_tier)
