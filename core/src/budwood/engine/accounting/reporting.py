"""One event in the log for each request of a caller, however it ends."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from budwood import logs
from budwood.engine.pipeline.call import Call
from budwood.types import Answer, ChatResponse


class Report:
    """
    Writes the event when a request is over: answered, failed, or left by its caller.

    Attributes:
        response: What came of the request, once it is known.
    """

    __slots__ = ("_call", "_prompt", "_started", "response")

    def __init__(self, call: Call, prompt: str) -> None:
        self.response: Answer | None = None
        self._call = call
        self._prompt = prompt
        self._started = call.clock.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if logs.wanted():
            seconds = self._call.clock.monotonic() - self._started
            _emit(self._call, self._prompt, seconds, self.response, error)


def reported(call: Call, prompt: str = "") -> Report:
    """Return what stands around a request, to write its event."""
    return Report(call, prompt)


def _emit(
    call: Call,
    prompt: str,
    seconds: float,
    response: Answer | None,
    error: BaseException | None,
) -> None:
    reply = response if isinstance(response, ChatResponse) else None
    logs.emit(
        "request",
        level="info" if error is None else "warning",
        call=call.id,
        provider=call.endpoint.name,
        model=call.model,
        seconds=round(seconds, 6),
        attempts=len(call.ledger),
        cached=bool(reply and reply.cached),
        finish_reason=reply.finish_reason if reply else None,
        input_tokens=response.usage.input_tokens if response else None,
        output_tokens=response.usage.output_tokens if response else None,
        error=type(error).__name__ if error else None,
        prompt=prompt,
        text=reply.text if reply else None,
    )
