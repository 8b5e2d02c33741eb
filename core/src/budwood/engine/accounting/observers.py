"""Tell observers what happens during a call. Nothing is built where nobody observes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from budwood import logs
from budwood.contracts import HeadersObserver, Observer, ToolObserver
from budwood.types import (
    Attempt,
    AttemptFinished,
    AttemptStarted,
    CacheFailed,
    CacheHit,
    ChatRequest,
    FirstToken,
    HTTPCall,
    Observation,
    ParameterLearned,
    RateLimits,
    RequestFinished,
    RequestStarted,
    RetryScheduled,
    ToolCallPart,
    ToolFinished,
    ToolResultPart,
    ToolStarted,
)

if TYPE_CHECKING:
    from budwood.engine.pipeline.call import Call, Round
    from budwood.engine.pipeline.endpoints import Target
    from budwood.types import Answer


class Observers:
    """
    All observers of a client, as one.

    What an observer raises is logged once for each of them, and the call goes on.

    Args:
        observers: The observers, in the order in which they are told.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self._headers = tuple(observer for observer in observers if isinstance(observer, HeadersObserver))
        self._tools = tuple(observer for observer in observers if isinstance(observer, ToolObserver))
        self._failed: set[int] = set()

    def observe(self, event: Observation) -> None:
        """Tell all observers."""
        for observer in self._observers:
            try:
                observer.observe(event)
            except Exception as error:  # noqa: BLE001 - an observer must not break the call
                self._report(observer, error)

    def request(self, call: Call, round_: Round) -> RequestReport:
        """Tell that a request begins; the report tells its end."""
        return RequestReport(self, call, round_)

    def attempt_started(self, target: Target, call: Call, key: str | None, encoded: HTTPCall) -> HTTPCall:
        """Tell that a request is about to be sent, and return it with the headers that observers add."""
        event = AttemptStarted(
            call=call.id, number=len(call.ledger) + 1, provider=target.endpoint.name, model=target.model, key=key
        )
        self.observe(event)
        headers: dict[str, str] = {}
        for observer in self._headers:
            try:
                headers.update(observer.attempt_headers(event))
            except Exception as error:  # noqa: BLE001 - the same
                self._report(observer, error)
        return _with_further_headers(encoded, headers) if headers else encoded

    def attempt_finished(self, call: Call, attempt: Attempt, rate_limits: RateLimits | None) -> None:
        """Tell the end of an attempt, which is already in the ledger."""
        self.observe(AttemptFinished(call=call.id, number=len(call.ledger), attempt=attempt, rate_limits=rate_limits))

    def retry(self, call: Call, target: Target, delay: float, error: str) -> None:
        """Tell that a failed attempt is repeated."""
        self.observe(RetryScheduled(**_of(call, target), delay=delay, error=error))

    def learned(self, call: Call, target: Target, parameters: Sequence[str]) -> None:
        """Tell which parameters a model rejects."""
        self.observe(ParameterLearned(**_of(call, target), parameters=tuple(parameters)))

    def cache_hit(self, call: Call, target: Target) -> None:
        """Tell that the cache answered."""
        self.observe(CacheHit(**_of(call, target)))

    def cache_failed(self, call: Call, operation: Literal["read", "write"], error: str, reason: str | None) -> None:
        """Tell that a cache could not be used."""
        self.observe(CacheFailed(call=call.id, operation=operation, error=error, reason=reason))

    def first_token(self, call: Call, target: Target, seconds: float) -> None:
        """Tell that the first content of a stream has arrived."""
        self.observe(FirstToken(**_of(call, target), seconds=seconds))

    def tool_finished(self, call: Call, tool_call: ToolCallPart, result: ToolResultPart, seconds: float) -> None:
        """Tell that a tool has run, or was refused."""
        self.observe(
            ToolFinished(
                call=call.id,
                name=tool_call.name,
                failed=result.is_error,
                seconds=seconds,
                arguments=tool_call.arguments,
                result=result.content,
            )
        )

    @contextlib.contextmanager
    def around_tool(self, call: Call, tool_call: ToolCallPart) -> Iterator[None]:
        """Tell that a tool is about to run, and enter the context managers of the observers that have one."""
        event = ToolStarted(call=call.id, name=tool_call.name, arguments=tool_call.arguments)
        self.observe(event)
        with contextlib.ExitStack() as stack:
            for observer in self._tools:
                try:
                    stack.enter_context(observer.around_tool(event))
                except Exception as error:  # noqa: BLE001 - the same
                    self._report(observer, error)
            yield

    def _report(self, observer: object, error: Exception) -> None:
        if id(observer) not in self._failed:
            self._failed.add(id(observer))
            logs.emit("observer failed", level="warning", observer=type(observer).__name__, error=repr(error))


class RequestReport:
    """Tells the beginning and the end of one request of the user."""

    __slots__ = ("_call", "_observers", "_prompt", "_service", "_started")

    def __init__(self, observers: Observers, call: Call, round_: Round) -> None:
        self._observers = observers
        self._call = call
        self._service = round_.service.name
        self._prompt = prompt_of(round_.request)
        self._started = call.clock.monotonic()
        observers.observe(RequestStarted(**_of(call, call.target), service=self._service, prompt=self._prompt))

    def finish(self, response: Answer | None, error: BaseException | None) -> None:
        """Tell how it ended."""
        call = self._call
        self._observers.observe(
            RequestFinished(
                **_of(call, call.target),
                service=self._service,
                seconds=call.clock.monotonic() - self._started,
                attempts=len(call.ledger),
                response=response,
                error=error,
                prompt=self._prompt,
            )
        )


def _of(call: Call, target: Target) -> dict[str, Any]:
    return {"call": call.id, "provider": target.endpoint.name, "model": target.model}


def _with_further_headers(encoded: HTTPCall, headers: Mapping[str, str]) -> HTTPCall:
    """Add headers, without replacing those of the request."""
    present = {name.lower() for name in encoded.headers}
    return encoded.with_headers({name: value for name, value in headers.items() if name.lower() not in present})


def prompt_of(request: object) -> str:
    """Return the last text of a request."""
    if isinstance(request, ChatRequest):
        return request.messages[-1].text if request.messages else ""
    texts = getattr(request, "texts", None)
    if texts:
        return str(texts[-1])
    contents = getattr(request, "contents", ())
    parts = [part.text for content in contents for part in content if hasattr(part, "text")]
    return parts[-1] if parts else ""
