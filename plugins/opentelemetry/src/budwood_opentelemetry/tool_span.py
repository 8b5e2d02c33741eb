"""The span of a tool, which is the parent of the spans that the tool creates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry.trace import Span, set_span_in_context

from budwood_opentelemetry.errors import record_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context


class ToolSpan:
    """
    The context manager around a tool.

    Args:
        start: Starts the span.
        parent: The context of the request, with what its caller has put there, such as baggage.
        has_content: Whether the span has the text of the tool's exception.
    """

    def __init__(self, start: Callable[[], Span], parent: Context, *, has_content: bool) -> None:
        self._start = start
        self._parent = parent
        self._has_content = has_content
        self._span: Span | None = None
        self._token: Token[Context] | None = None

    def __enter__(self) -> Span:
        self._span = span = self._start()
        self._token = otel_context.attach(set_span_in_context(span, self._parent))
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            otel_context.detach(self._token)
        if self._span is not None:
            if error is not None:
                record_error(self._span, error, has_content=self._has_content)
            self._span.end()
