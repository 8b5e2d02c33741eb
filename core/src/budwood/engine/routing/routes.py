"""The endpoints that a call may use: which they are, and in which order they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Final

from budwood import errors
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.pipeline.requests import request_for
from budwood.engine.routing.portability import find_previous_response
from budwood.errors import ConfigurationError, CredentialError, UnsupportedError
from budwood.names import did_you_mean, join_names
from budwood.types import Attempt, ChatRequest, ChatResponse, Message, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from budwood.engine.endpoints.endpoint import Endpoint, Endpoints
    from budwood.engine.endpoints.shared_state import SharedState
    from budwood.engine.pipeline.call import Call, Round
    from budwood.option_settings import Options

EXPLORATION: Final = 0.05
"""How often ``"fastest"`` asks another endpoint first, so that its latency stays known."""

EXPECTED_OUTPUT: Final = 500
"""The output tokens by which costs are compared if a call has no ``max_tokens``."""

_MAX_ROUTES: Final = 1000
"""The number of routes that a client remembers, so that they are not checked again in each call."""


def plan_route(endpoints: Endpoints, target: Target, options: Options, defaults: Options | None = None) -> Route:
    """
    Return the endpoints that a call may use.

    Args:
        endpoints: The endpoints of the client.
        target: The endpoint and the model that the user asked for.
        options: The options of the call.
        defaults: The options of the client. Their weights may be for the endpoints of other calls.

    Raises:
        ConfigurationError: A fallback, a weight or a class of errors is not valid.
    """
    key = (target.address, options.fallbacks, options.fallback_on, options.routing, *options.weights.items())
    targets = endpoints.routes.get(key)
    if targets is None:
        targets = list_targets(target, options, endpoints.find)
        if defaults is None or options.weights != defaults.weights:
            _check_weights(options, targets)
        if len(endpoints.routes) < _MAX_ROUTES:
            endpoints.routes[key] = targets
    return Route(targets, endpoints.state)


def list_targets(first: Target, options: Options, find: Callable[[str], Target]) -> tuple[Target, ...]:
    """
    Return the targets of a call: the endpoint and its backups, then those of the fallbacks.

    Raises:
        ConfigurationError: A fallback, a weight or a class of errors is not valid.
    """
    targets = [*_with_backups(first)]
    for fallback in find_fallbacks(options, find):
        if fallback.address != first.address:  # the model of a call may be one of the client's fallbacks
            _check_credential(fallback)
            targets += _with_backups(fallback)
    if options.routing == "weighted" and not any(_weight(target, options) for target in targets):
        raise ConfigurationError("The sum of weights= is 0.", hint="Give at least one endpoint a weight above 0.")
    check_error_classes(options.fallback_on)
    return tuple(targets)


def find_fallbacks(options: Options, find: Callable[[str], Target], model: str | None = None) -> list[Target]:
    """
    Return the fallbacks of a client or a call.

    Args:
        options: The options.
        find: Finds a target by its address.
        model: The default model of the client, which must not be one of them.

    Raises:
        ConfigurationError: A fallback is not valid, or would be asked twice.
    """
    targets: list[Target] = []
    seen = {find(model).address} if model is not None else set()
    for address in options.fallbacks:
        target = find(address)
        if target.address in seen:
            raise ConfigurationError(
                f"fallbacks= contains {address!r}, which is asked already.",
                hint="Remove it: each model is asked once, and the default model is not its own fallback.",
            )
        seen.add(target.address)
        targets.append(target)
    return targets


def _check_credential(fallback: Target) -> None:
    try:
        fallback.endpoint.check_credential()
    except CredentialError as error:
        raise CredentialError(
            f"The fallback {fallback.address} cannot be used: {error.message}", hint=error.hint
        ) from None


def _with_backups(target: Target) -> Iterable[Target]:
    return (target, *(Target(backup, target.model) for backup in target.endpoint.backups))


def _check_weights(options: Options, targets: Sequence[Target]) -> None:
    names = {name for target in targets for name in (target.address, target.endpoint.label)}
    for name in options.weights:
        if name not in names:
            raise ConfigurationError(
                f"weights= contains {name!r}, which is not an endpoint of this call.",
                hint=did_you_mean(name, names) or f"The endpoints are {join_names(names)}.",
            )


def check_error_classes(names: Sequence[str]) -> None:
    """
    Check the classes of ``fallback_on``.

    Raises:
        ConfigurationError: One is not a class of errors of providers.
    """
    known = [name for name in errors.__all__ if issubclass(getattr(errors, name), errors.ProviderError)]
    for name in names:
        if name not in known and name != "CredentialError":
            raise ConfigurationError(
                f"fallback_on= contains {name!r}, which is not a class of errors of providers.",
                hint=did_you_mean(name, known) or f"The classes are {join_names(known)}.",
            )


def _weight(target: Target, options: Options) -> float:
    weights = options.weights
    return weights.get(target.endpoint.label, weights.get(target.address, 1.0))


class Route:
    """
    The way of one call through its endpoints.

    Args:
        targets: The endpoints with their models; the first is the one that the user asked for.
        state: The shared state of endpoints.
    """

    def __init__(self, targets: tuple[Target, ...], state: SharedState) -> None:
        self.targets = targets
        self._state = state
        self._ordered: list[Target] = []
        self._waiting: list[Target] = []
        self._resting: list[Target] = []
        self._round: Round | None = None
        self._answers: list[tuple[Message, Target]] = []

    @property
    def first(self) -> Target:
        """The endpoint and model that the user asked for."""
        return self.targets[0]

    def check(self, round_: Round) -> None:
        """
        Check that at least one endpoint can take a round.

        Raises:
            UnsupportedError: None can: the error of the first one.
        """
        self._round = round_
        if not any(self._takes_round(target) for target in self.targets):
            request_for(self.first, round_)

    def start(self, round_: Round, *, is_tied: bool) -> None:
        """
        Start a round. A call stays with the endpoint that answered its last round.

        Args:
            round_: The round.
            is_tied: Whether only one endpoint can answer it: the one that wrote the stored response that it continues,
                as far as that is known, or the first.
        """
        call = round_.call
        self._round = round_
        if is_tied:
            self._ordered = [self._find_author(round_)]
        elif not self._ordered:
            self._ordered = order_targets(self._usable(round_), round_, self._state)
        else:
            self._ordered.sort(key=lambda target: target is not call.target)
        self._waiting, self._resting = list(self._ordered), []

    def _find_author(self, round_: Round) -> Target:
        previous = find_previous_response(round_.request)
        known = self._state.responses.get(previous) if previous is not None else None
        return next((target for target in self.targets if known and target.name == known.endpoint), self.first)

    @property
    def has_several(self) -> bool:
        """Whether the call has more than one endpoint."""
        return len(self.targets) > 1

    def _usable(self, round_: Round) -> list[Target]:
        """Return the targets that a service can use: fallbacks with other models only serve texts."""
        service = round_.service
        if service.takes_stream:
            return list(self.targets)
        if service.decoder:
            return [self.first]
        return [target for target in self.targets if target.address == self.first.address]

    def take(self, call: Call) -> Target | None:
        """Return the next endpoint to ask, or None. Those whose circuit breakers are open come last."""
        return self._take_healthy(call) or (self._resting.pop(0) if self._resting else None)

    def take_for_hedge(self, call: Call) -> Target | None:
        """Return the next endpoint that can take the request at once, or None."""
        while (target := self._take_healthy(call)) is not None and not self._takes_round(target):
            target.endpoint.health.release(self)
            record_skip(call, target, "its model cannot take the request")
        return target

    def _take_healthy(self, call: Call) -> Target | None:
        while self._waiting:
            target = self._waiting.pop(0)
            if target.endpoint.health.acquire(call.clock.monotonic(), self):
                return target
            self._resting.append(target)
            record_skip(call, target, "its circuit breaker is open")
        return None

    def give_back(self, target: Target) -> None:
        """Let an endpoint that was taken be asked later in this round, because nothing was sent to it."""
        self._waiting.insert(0, target)

    def record_answer(self, target: Target, response: object) -> None:
        """Record which endpoint wrote a reply, for the history of later rounds."""
        if isinstance(response, ChatResponse):
            self._answers.append((response.message, target))

    def is_foreign(self, message: Message, target: Target) -> bool:
        """Tell whether a message of the history comes from another endpoint. Those of the user are for the first."""
        author = next((author for answer, author in self._answers if answer is message), self.first)
        return author is not target

    def has_next(self, call: Call) -> bool:
        """Tell whether another endpoint can be asked in this round, whose model can take the request."""
        now = call.clock.monotonic()
        return any(not target.endpoint.health.is_open(now) and self._takes_round(target) for target in self._waiting)

    def _takes_round(self, target: Target) -> bool:
        if self._round is None:
            return True
        try:
            request_for(target, self._round)
        except UnsupportedError:
            return False
        return True


def record_skip(call: Call, target: Target, reason: str, error: Exception | None = None) -> None:
    """Record an endpoint that was not asked."""
    call.attempts.append(
        Attempt(
            provider=target.endpoint.name,
            model=target.model,
            key=None,
            status=None,
            duration=0.0,
            error=type(error).__name__ if error is not None else None,
            cost=Decimal(0),
            endpoint=target.endpoint.label,
            skipped=reason,
        )
    )


def order_targets(targets: list[Target], round_: Round, state: SharedState) -> list[Target]:
    """Return the targets in the order of the strategy. A conversation begins with the endpoint that knows it."""
    call = round_.call
    options = call.options
    if options.routing == "ordered" or len(targets) < 2:
        return targets
    known = state.conversations.get(call.conversation) if call.conversation is not None else None
    if known is not None and all(target.name != known.endpoint for target in targets):
        known = None
    if options.routing == "round-robin" and known is not None:
        ordered = list(targets)  # takes no turn, or conversations with as many calls would all begin at one endpoint
    elif options.routing == "round-robin":
        turn = state.next_rotation(" ".join(f"{target.endpoint.identity}/{target.model}" for target in targets))
        start = turn % len(targets)
        ordered = [*targets[start:], *targets[:start]]
    elif options.routing == "cheapest":
        ordered = sorted(targets, key=lambda target: estimate_cost(target, round_.request, call))
    elif options.routing == "weighted":
        ordered = _draw(targets, call)
    else:
        ordered = sorted(targets, key=lambda target: _latency(target.endpoint))
        if call.random.random() < EXPLORATION:
            call.random.shuffle(ordered)
    if known is not None:
        ordered.sort(key=lambda target: target.name != known.endpoint)
    return ordered


def estimate_cost(target: Target, request: object, call: Call) -> float:
    """Return the expected cost of a request in US dollars, or infinity if it is unknown."""
    facts = target.endpoint.facts
    if not isinstance(request, ChatRequest):
        return inf
    if facts is None:
        return 0.0 if target.endpoint.local is not None else inf
    from budwood.providing import estimate_request  # only this strategy needs it

    usage = Usage(
        input_tokens=round(estimate_request(request).tokens), output_tokens=request.max_tokens or EXPECTED_OUTPUT
    )
    dollars = facts(target.model).cost(usage, datetime.fromtimestamp(call.clock.time(), UTC)).dollars
    return inf if dollars is None else float(dollars)


def _draw(targets: Sequence[Target], call: Call) -> list[Target]:
    """Draw targets at random by their weights. Those without weight are asked last."""

    def chance(target: Target) -> float:
        weight = _weight(target, call.options)
        return call.random.random() ** (1 / weight) if weight else -1.0

    return sorted(targets, key=chance, reverse=True)


def _latency(endpoint: Endpoint) -> float:
    """Return the time to the first content, or to the complete reply, of an endpoint. A new one is asked first."""
    health = endpoint.health
    return health.first_token or health.median_latency() or 0.0
