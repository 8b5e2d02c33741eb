"""Errors in spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import Status, StatusCode

from budwood_opentelemetry import names

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def record_error(span: Span, error: BaseException, *, has_content: bool) -> None:
    """
    Record an error in a span: its class, and with ``has_content`` also its text, which may quote prompts and replies.

    A caller that leaves a stream, or cancels a task, raises an exception that is not an `Exception`. Its class is
    recorded as well, but the status of the span is not an error.
    """
    kind = type(error).__name__
    span.set_attribute(names.ERROR, kind)
    if isinstance(error, Exception):
        span.set_status(Status(StatusCode.ERROR, kind))
        if has_content:
            span.record_exception(error)
