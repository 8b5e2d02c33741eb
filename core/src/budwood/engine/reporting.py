"""One event in the log for each request of a caller, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from budwood import logs
from budwood.engine.call import Call
from budwood.types import Answer, ChatResponse


class Report:
    """What came of a request, once it is known."""

    response: Answer | None = None


@contextmanager
def reported(call: Call, prompt: str = "") -> Iterator[Report]:
    """Write the event when the request is over: answered, failed, or left by its caller."""
    started = call.clock.monotonic()
    report = Report()
    error: BaseException | None = None
    try:
        yield report
    except BaseException as failure:
        error = failure
        raise
    finally:
        if logs.wanted():
            _emit(call, prompt, call.clock.monotonic() - started, report.response, error)


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
