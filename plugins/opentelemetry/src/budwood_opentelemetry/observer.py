"""The observer that creates spans and metrics."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from budwood.types import (
    AttemptFinished,
    AttemptQueued,
    AttemptStarted,
    BreakerChanged,
    CacheFailed,
    EndpointFailed,
    FirstToken,
    Observation,
    ParameterLearned,
    RequestFinished,
    RequestStarted,
    RetryScheduled,
    ToolStarted,
)
from budwood_opentelemetry import names
from budwood_opentelemetry.attributes import (
    Attributes,
    attempt_finish_attributes,
    attempt_start_attributes,
    endpoint_attributes,
    finish_attributes,
    make_event,
    operation_of,
    parameter_attributes,
    provider_attributes,
    response_of,
    start_attributes,
)
from budwood_opentelemetry.errors import record_error
from budwood_opentelemetry.messages import encodable, input_attributes, output_attributes
from budwood_opentelemetry.metrics import Metrics
from budwood_opentelemetry.tool_span import ToolSpan

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import TracerProvider

    from budwood_opentelemetry.settings import OpenTelemetrySettings


class _Open(NamedTuple):
    """
    The span of a request or an attempt that has not ended.

    Attributes:
        span: The span.
        context: The context for what happens in it.
        common: The attributes of its metrics.
    """

    span: Span
    context: Context
    common: Attributes


class OpenTelemetryObserver:
    """
    Creates a span for each request of the user, with a span for each attempt and each tool in it, and metrics.

    It starts spans in the context of the code that made the call. The context of the attempt is added to its HTTP
    headers; tools run in the context of their span.

    Args:
        tracer_provider: Creates spans; by default the global one, which may be set later.
        meter_provider: Creates metrics; by default the global one, which may be set later.
        propagator: Writes the context into headers; by default the global one.
        content: Whether spans have prompts, replies, arguments of tools, and the texts of errors.
        headers: Whether requests have the headers of the propagator.
    """

    event_types: Final[Collection[type[Observation]]] = (
        RequestStarted,
        AttemptQueued,
        AttemptStarted,
        AttemptFinished,
        RetryScheduled,
        BreakerChanged,
        EndpointFailed,
        ParameterLearned,
        CacheFailed,
        FirstToken,
        RequestFinished,
    )

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        propagator: TextMapPropagator | None = None,
        content: bool = False,
        headers: bool = True,
    ) -> None:
        version = importlib.metadata.version(names.DISTRIBUTION)
        self._tracer = trace.get_tracer(names.SCOPE, version, tracer_provider)
        self._metrics = Metrics(meter_provider, version)
        self._propagator = propagator
        self._has_content = content
        self._has_headers = headers
        # Single operations of dictionaries need no lock, which garbage collection might wait for in the same thread.
        self._requests: Final[dict[str, _Open]] = {}
        self._attempts: Final[dict[tuple[str, int], _Open]] = {}
        self._handlers: Final[Mapping[type[Observation], Callable[[Any], None]]] = {
            **dict.fromkeys(self.event_types, self._add_event),
            RequestStarted: self._start_request,
            AttemptStarted: self._start_attempt,
            AttemptFinished: self._finish_attempt,
            FirstToken: self._record_first_token,
            RequestFinished: self._finish_request,
        }

    def observe(self, event: Observation) -> None:
        """Start or end a span, or add to one."""
        handle = self._handlers.get(type(event))
        if handle is not None:
            handle(event)

    def attempt_headers(self, event: AttemptStarted) -> Mapping[str, str]:
        """Return the headers that carry the context of an attempt."""
        headers: dict[str, str] = {}
        attempt = self._attempts.get((event.call, event.number))
        if self._has_headers and attempt is not None:
            (self._propagator or propagate.get_global_textmap()).inject(headers, context=attempt.context)
        return headers

    def around_tool(self, event: ToolStarted) -> ToolSpan:
        """Return the span of a tool as a context manager."""
        parent = self._context_of(event.call)
        attributes: Attributes = {
            names.OPERATION: names.EXECUTE_TOOL,
            names.TOOL_NAME: event.name,
            names.TOOL_TYPE: "function",
        }
        if event.tool_call:
            attributes[names.TOOL_CALL_ID] = event.tool_call
        if self._has_content:
            attributes[names.TOOL_ARGUMENTS] = encodable(event.arguments)
        name = f"{names.EXECUTE_TOOL} {event.name}"
        return ToolSpan(
            lambda: self._tracer.start_span(name, parent, SpanKind.INTERNAL, attributes),
            parent,
            has_content=self._has_content,
        )

    def _start_request(self, event: RequestStarted) -> None:
        operation, parent = operation_of(event.service), otel_context.get_current()
        name = f"{operation} {event.model}" if event.model else operation
        span = self._tracer.start_span(name, parent, SpanKind.CLIENT, start_attributes(event, operation))
        common = {names.OPERATION: operation, **endpoint_attributes(event)}
        self._requests[event.call] = _Open(span, set_span_in_context(span, parent), common)
        if span.is_recording():
            span.set_attributes(parameter_attributes(event.request))
            if self._has_content:
                span.set_attributes(input_attributes(event.request))

    def _finish_request(self, event: RequestFinished) -> None:
        request = self._requests.pop(event.call, None)
        self._metrics.record_request(event, {} if request is None else request.common)
        if request is None:
            return
        try:
            self._describe_end(request, event)
        finally:
            request.span.end()

    def _describe_end(self, request: _Open, event: RequestFinished) -> None:
        span = request.span
        if not span.is_recording():
            return
        span.set_attributes(finish_attributes(event))
        if request.common[names.INSTANCE] != event.provider:  # the cache had the reply of a fallback
            span.set_attributes(provider_attributes(event.provider, ""))
        if event.error is not None:
            record_error(span, event.error, has_content=self._has_content)
        if self._has_content:
            span.set_attributes(output_attributes(response_of(event)))

    def _start_attempt(self, event: AttemptStarted) -> None:
        parent = self._context_of(event.call)
        name, attributes = f"attempt {event.provider}", attempt_start_attributes(event)
        span = self._tracer.start_span(name, parent, SpanKind.CLIENT, attributes)
        endpoint = endpoint_attributes(event)
        common = self._common_of(event.call) | endpoint
        self._attempts[event.call, event.number] = _Open(span, set_span_in_context(span, parent), common)
        request = self._requests.get(event.call)
        if request is not None and request.common != common:  # a backup or a fallback
            request.common.update(common)
            request.span.set_attributes(endpoint)

    def _finish_attempt(self, event: AttemptFinished) -> None:
        attempt = self._attempts.pop((event.call, event.number), None)
        self._metrics.record_attempt(event.attempt, self._common_of(event.call) if attempt is None else attempt.common)
        if attempt is None:
            return
        span = attempt.span
        if span.is_recording():
            span.set_attributes(attempt_finish_attributes(event.attempt))
            if event.attempt.error is not None:
                span.set_status(Status(StatusCode.ERROR, event.attempt.error))
        span.end()

    def _record_first_token(self, event: FirstToken) -> None:
        self._metrics.record_first_token(event, self._common_of(event.call))
        request = self._requests.get(event.call)
        if request is not None:
            request.span.set_attribute(names.FIRST_CHUNK, event.seconds)

    def _add_event(self, event: Observation) -> None:
        request = self._requests.get(event.call)
        if request is not None and request.span.is_recording():
            request.span.add_event(*make_event(event))

    def _context_of(self, call: str) -> Context:
        """Return the context of a request; the current one if the request has ended before its last attempt."""
        request = self._requests.get(call)
        return otel_context.get_current() if request is None else request.context

    def _common_of(self, call: str) -> Attributes:
        request = self._requests.get(call)
        return {} if request is None else request.common


def build_observer(settings: OpenTelemetrySettings) -> OpenTelemetryObserver:
    """Build the observer from its settings, with the global providers."""
    return OpenTelemetryObserver(content=settings.content, headers=settings.headers)
