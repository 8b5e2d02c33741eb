"""Create a client, set up the SDK, make a call, and print the spans and the number of bounds of a metric."""

import sys

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from budwood import Client
from budwood_testing import ScriptedTransport, chat_reply

transport = ScriptedTransport()
transport.reply(200, chat_reply("Hi"))
settings = {"observers": ["opentelemetry"]}
with Client("openai/gpt-4o", api_key="sk-test-secret", transport=transport, settings=settings, cache=False) as client:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([reader]))
    client.ask("Hello")

sys.stdout.write(" ".join(span.name for span in exporter.get_finished_spans()))
data = reader.get_metrics_data()
found = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
sys.stdout.write(f" {len(found['gen_ai.client.token.usage'].data.data_points[0].explicit_bounds)}")
