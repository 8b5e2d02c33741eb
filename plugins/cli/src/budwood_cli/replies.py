"""Printing replies of a model: as text, as JSON, and notes about them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from budwood_cli import terminal

if TYPE_CHECKING:
    from budwood import ChatResponse, ChatStream
    from budwood.types import Attempt, ServiceResponse


def write_stream(stream: ChatStream) -> ChatResponse:
    """Write the text of a reply as it arrives, then the notes, and return the reply."""
    from budwood.types import Restarted, TextDelta

    last = ""
    with stream:
        try:
            for event in stream:
                if isinstance(event, TextDelta) and event.choice == 0:
                    last = event.text or last  # before the write, which an interrupt may stop
                    terminal.write(event.text)
                elif isinstance(event, Restarted) and last:
                    _end_line(last)
                    last = ""
                    terminal.note(f"note: the reply starts again, and the text above is void: {event.reason}")
        finally:
            _end_line(last)
        write_notes(stream.response)
        return stream.response


def write_text(text: str) -> None:
    """Write a text that ends with a newline."""
    terminal.write(text)
    _end_line(text)


def write_notes(response: ChatResponse | ServiceResponse) -> None:
    """Note on standard error if a reply was refused, truncated or filtered, or if parameters were adapted."""
    from budwood import ChatResponse

    parts = response.message.parts if isinstance(response, ChatResponse) else ()
    finish_reason = getattr(response, "finish_reason", "stop")
    if refusal := "".join(part.text for part in parts if part.type == "refusal"):
        terminal.note(f"note: the model refused: {refusal}")
    elif finish_reason == "length":
        terminal.note("note: the reply reached the token limit and was truncated.")
    elif finish_reason == "content_filter":
        terminal.note("note: the vendor's content filter stopped the reply.")
    elif isinstance(response, ChatResponse) and not (response.text.strip() or response.media or response.tool_calls):
        terminal.note("note: the reply is empty.")
    for adaptation in response.adaptations:
        terminal.note(f"note: {adaptation.parameter} was {adaptation.action}: {adaptation.reason}")


def as_json(response: ChatResponse) -> dict[str, Any]:
    """Return a reply as JSON, without the vendor's raw reply."""
    details = response.model_dump(
        mode="json",
        include={
            "finish_reason",
            "raw_finish_reason",
            "cost_unknown",
            "provider",
            "model",
            "id",
            "request_id",
            "cached",
        },
    )
    return {
        "text": response.text,
        "model": details.pop("model"),
        "provider": details.pop("provider"),
        "usage": response.usage.model_dump(mode="json", exclude={"raw"}),
        "cost": response.cost,
        **details,
        "parsed": _value_as_json(response.parsed),
        "reasoning": response.reasoning,
        "attempts": [attempt_as_json(attempt) for attempt in response.attempts],
        "adaptations": [asdict(adaptation) for adaptation in response.adaptations],
    }


def _value_as_json(value: object) -> object:
    """Return the value of a reply as JSON; it may be an object of any class that Pydantic validates."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value, bytes_mode="base64")


def attempt_as_json(attempt: Attempt) -> dict[str, Any]:
    """Return what is known of a request as JSON."""
    return {
        name: getattr(attempt, name)
        for name in (
            "provider",
            "model",
            "status",
            "duration",
            "delay",
            "error",
            "request_id",
            "cached",
            "cost",
            "cost_unknown",
        )
    }


def _end_line(text: str) -> None:
    if text and not text.endswith("\n"):
        terminal.write("\n")
