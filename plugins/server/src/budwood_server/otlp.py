"""Send spans and metrics by OTLP, to the address in the standard variables of OpenTelemetry."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from budwood.errors import ConfigurationError

if TYPE_CHECKING:
    from budwood import Settings

OBSERVER: Final = "opentelemetry"
_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SIGNAL_ENDPOINTS: Final = {
    "traces": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "metrics": "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
}
_EXPORTER: Final = "opentelemetry.exporter.otlp.proto.http"


def start_export(settings: Settings) -> None:
    """
    Set up the SDK of OpenTelemetry, if the observer is used and the environment names a collector.

    What is left is sent at the end of the process. A program that has set up the SDK itself, such as
    ``opentelemetry-instrument``, keeps its set-up.

    Raises:
        ConfigurationError: The exporter is not installed.
    """
    common = os.environ.get(_ENDPOINT)
    signals = [name for name, variable in _SIGNAL_ENDPOINTS.items() if os.environ.get(variable, common)]
    if OBSERVER not in settings.observers or not signals:
        return
    if find_spec("opentelemetry.exporter") is None or find_spec(_EXPORTER) is None:
        raise ConfigurationError(
            "Sending spans and metrics by OTLP needs a package that is not installed.",
            hint="Install it: pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http.",
        )
    if "traces" in signals:
        _export_spans()
    if "metrics" in signals:
        _export_metrics()


def _export_spans() -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)


def _export_metrics() -> None:
    from opentelemetry import metrics
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    if not isinstance(metrics.get_meter_provider(), MeterProvider):
        metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())]))
