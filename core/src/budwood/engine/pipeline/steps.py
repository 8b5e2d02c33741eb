"""Run short work of several requests: the generators that providers write as `budwood.contracts.Steps`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from budwood.contracts import RemoteProvider, Steps
from budwood.engine.drivers.effects import Flow, Invoke, Sleep
from budwood.engine.endpoints.secrets import scrub
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.observing import with_observers
from budwood.engine.pipeline.redirects import fetch
from budwood.engine.pipeline.retries import mark_as_accepted, when_guarded, with_retries
from budwood.engine.pipeline.service import Service
from budwood.errors import BadResponseError, BudwoodError, ProviderError
from budwood.plugins import faults
from budwood.types import Answer, HTTPCall, HTTPReply

SEARCH_SECONDS: Final = 60.0
"""The least time that a provider has to find what a failed request may have created, also after a timeout."""


def run_steps(
    call: Call,
    service: Service,
    method: str,
    *arguments: object,
    within: Attempt | None = None,
    is_observed: bool = True,
    before_creation: Callable[[], object] | None = None,
    before_each: Callable[[], object] | None = None,
) -> Flow[Any]:
    """
    Call a method of the provider that returns `Steps`, and send its calls.

    The usage of the result, and its cost, belong to the last request. The others cost nothing.

    Args:
        call: The call.
        service: The service of the method.
        method: The name of the method.
        arguments: Its arguments.
        within: The attempt that needs the result before it is sent. The requests use its credential, and no further
            limits and keys.
        is_observed: Whether observers see one request of the user; if not, or within an attempt, they see only its
            attempts.
        before_creation: Called before a request that creates what must not be created twice.
        before_each: Called before each request.

    Raises:
        ProviderError: A request failed, and the provider does not handle that.
    """
    provider, source = call.target.endpoint.remote, call.target.endpoint.source
    with faults.encoding_boundary(source, method):
        steps: Steps[Any] = getattr(provider, method)(*arguments)
    run = partial(_run, _Progress(call, steps, method, before_creation, before_each), within)
    round_ = Round(call, step_of(service), arguments[0] if arguments else None)
    return with_observers(run)(round_) if is_observed and within is None else run(round_)


def send_call(call: Call, service: Service, request: HTTPCall) -> Flow[HTTPReply]:
    """
    Send a single request that no method of the provider returns, such as the download of a result.

    Raises:
        ProviderError: It failed.
    """

    def send(attempt: Attempt) -> Flow[HTTPReply]:
        return fetch(attempt)

    return _attempt(Round(call, step_of(service), request), request, send, None)


def step_of(service: Service) -> Service:
    """Return the service of the requests that a provider's generator yields."""
    return replace(service, protocol=RemoteProvider, encode="", decode="", result=HTTPReply)


def _run(progress: _Progress, within: Attempt | None, round_: Round) -> Flow[Any]:
    progress.start()
    while progress.request is not None:
        if progress.request.delay > 0:
            yield Sleep(progress.request.delay)
        if progress.before_each is not None:
            yield Invoke(progress.before_each)
        if progress.before_creation is not None and not progress.request.repeatable:
            yield Invoke(progress.before_creation)
        try:
            yield from _attempt(round_, progress.request, progress.send, within)
        except ProviderError as error:
            progress.fail(error)
    return progress.finish()


def _attempt(
    round_: Round, request: HTTPCall, send: Callable[[Attempt], Flow[Any]], within: Attempt | None
) -> Flow[Any]:
    first = Attempt(round_, round_.call.target.endpoint, round_.call.target.model, request)
    if within is None:
        return (yield from with_retries(when_guarded(send))(first))

    def send_within(attempt: Attempt) -> Flow[Any]:
        attempt.lease, attempt.within = within.lease, within
        try:
            return (yield from send(attempt))
        finally:
            within.has_used_key |= attempt.is_started

    return (yield from with_retries(send_within)(first))


@dataclass
class _Progress:
    """
    The progress of a generator of calls.

    Attributes:
        request: Its next call; None once it has ended.
        last: The attempt that was sent last.
    """

    call: Call
    steps: Steps[Any]
    method: str
    before_creation: Callable[[], object] | None = None
    before_each: Callable[[], object] | None = None
    request: HTTPCall | None = None
    result: Any = None
    error: BudwoodError | None = None
    last: Attempt | None = None

    def start(self) -> None:
        """Ask the generator for its first call."""
        source = self.call.target.endpoint.source
        self._resume(lambda: next(self.steps), faults.encoding_boundary(source, self.method))

    def send(self, attempt: Attempt) -> Flow[Any]:
        """Send a call, and give its reply to the generator. Returns the result if the generator ends with usage."""
        self.last = attempt
        reply = yield from fetch(attempt)
        self.call.adaptations.update(attempt.adaptations)
        boundary = faults.DecodingBoundary(attempt.endpoint.source, self.method, reply.body)
        self._resume(lambda: self.steps.send(reply), boundary)
        return self.result if isinstance(self.result, Answer) else None

    def fail(self, error: ProviderError) -> None:
        """Raise the error of the last call in the generator. It has time to find what the call may have created."""
        source, timing = self.call.target.endpoint.source, self.call.timing
        self._resume(lambda: self.steps.throw(error), faults.decoding_boundary(source, self.method))
        if error.may_be_accepted:
            timing.deadline = max(timing.deadline, self.call.clock.monotonic() + SEARCH_SECONDS)

    def finish(self) -> Any:  # noqa: ANN401 - each method has a result of its own
        """
        Return the result.

        Raises:
            BudwoodError: The generator raised it. The request before it has succeeded, and is not retried.
        """
        if self.error is None:
            return self.result
        target, error = self.call.target, self.error
        if isinstance(error, ProviderError):
            if isinstance(error, BadResponseError) and self.last is not None and not _is_repeatable(self.last):
                mark_as_accepted(error)
            error.add_target(target.endpoint.name, target.model)
            error.attempts = tuple(self.call.attempts)
        scrub(error, target.endpoint.secrets() if self.last is None else self.last.secrets())
        raise error

    def _resume(self, step: Callable[[], HTTPCall], boundary: faults.Boundary) -> None:
        self.request = None
        try:
            with boundary:
                try:
                    request = step()
                except StopIteration as end:
                    self.result = end.value
                    return
        except BudwoodError as error:
            self.error = error
            return
        if not isinstance(request, HTTPCall):
            raise faults.wrong_result(self.call.target.endpoint.source, self.method, request, HTTPCall)
        self.request = request


def _is_repeatable(attempt: Attempt) -> bool:
    return attempt.encoded is None or attempt.encoded.repeatable
