"""The SDK of OpenTelemetry with exporters in memory, and clients that use it."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from budwood import AsyncClient, Client
from budwood_opentelemetry import OpenTelemetryObserver


class OpenSpans(SpanProcessor):
    """
    Knows the spans that have not ended.
    """

    def __init__(self):
        self.ids = set()

    def on_start(self, span, parent_context=None):
        self.ids.add(span.context.span_id)

    def on_end(self, span):
        self.ids.discard(span.context.span_id)


class Telemetry:
    """
    An observer, and what it has exported.
    """

    def __init__(self, sampler=None, **options):
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.open_spans = OpenSpans()
        self.tracer_provider = TracerProvider(sampler)
        self.tracer_provider.add_span_processor(self.open_spans)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.tracer_provider.get_tracer("test")
        self.observer = OpenTelemetryObserver(
            tracer_provider=self.tracer_provider,
            meter_provider=MeterProvider([self.reader], shutdown_on_exit=False),
            **options,
        )

    @property
    def spans(self):
        """
        The spans that have ended, in the order in which they started.
        """
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time)

    def named(self, name):
        """
        Return the spans whose name begins with a text.
        """
        return [span for span in self.spans if span.name.startswith(name)]

    def points(self, metric):
        """
        Return the data points of a metric, as pairs of attributes and point.
        """
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        found = [each for scope in data.resource_metrics[0].scope_metrics for each in scope.metrics]
        return [
            (dict(point.attributes), point) for each in found if each.name == metric for point in each.data.data_points
        ]


@pytest.fixture
def telemetry():
    """
    Spans and metrics without content.
    """
    return Telemetry()


@pytest.fixture
def make_telemetry():
    """
    A function that creates an observer with options.
    """
    return Telemetry


@pytest.fixture
def open_client(scripted, clock):
    """
    A function that creates a client which uses telemetry.
    """
    clients = []

    def make(telemetry, **options):
        options = {"api_key": "sk-test-secret", "transport": scripted, "clock": clock, "cache": False} | options
        clients.append(Client("openai/gpt-4o", observers=[telemetry.observer], **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def open_async_client(scripted, clock):
    """
    The same for async clients.
    """

    def make(telemetry, **options):
        options = {
            "api_key": "sk-test-secret",
            "transport": scripted.asynchronous,
            "clock": clock,
            "cache": False,
        } | options
        return AsyncClient("openai/gpt-4o", observers=[telemetry.observer], **options)

    return make
