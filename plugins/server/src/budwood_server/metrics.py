"""The server's own metrics for Prometheus, if `prometheus_client` is installed."""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which processes share their metrics; `prometheus_client` reads it."""

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
"""The boundaries of the buckets of durations, in seconds."""

REFUSALS: Final = frozenset({"invalid_api_key", "missing_scope", "model_not_allowed", "rate_limit_exceeded"})
"""The codes of errors that say that a key may not do something."""


def is_installed() -> bool:
    """Tell whether there are metrics."""
    return find_spec("prometheus_client") is not None


@contextlib.contextmanager
def share_metrics() -> Iterator[None]:
    """Have all processes that are started meanwhile share their metrics, in a folder that is removed afterwards."""
    if FOLDER in os.environ or not is_installed():
        yield
        return
    with tempfile.TemporaryDirectory(prefix="budwood-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


def forget_process(pid: int) -> None:
    """Remove what a process that has ended has shared about its present state. Its counts remain."""
    if (folder := os.environ.get(FOLDER)) is not None:
        for file in Path(folder).glob(f"gauge_live*_{pid}.db"):  # as prometheus_client does, without importing it
            file.unlink(missing_ok=True)


class Metrics:
    """
    The metrics of the process. They are in the global registry, together with those of the plugin `prometheus`.

    Use `get_metrics`: a registry can have each metric once.

    Attributes:
        events: Those of events and webhooks.
    """

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        from budwood_server.events.metrics import EventMetrics  # needs the database, which not every server has

        def gauge(name: str, text: str, mode: str) -> Gauge:
            return Gauge(f"budwood_server_{name}", text, multiprocess_mode=mode)  # type: ignore[arg-type]

        self._requests = Counter(
            "budwood_server_requests", "Requests to the gateway, by route and status.", ("route", "status")
        )
        self._seconds = Histogram(
            "budwood_server_request_duration_seconds",
            "Durations of requests, with streams to their end.",
            ("route",),
            buckets=_SECONDS,
        )
        self._refused = Counter("budwood_server_keys_refused", "Requests that keys may not make, by code.", ("code",))
        self.streams = gauge("streams_open", "Streams that are being sent.", "livesum")
        self.running = gauge("requests_in_progress", "Requests that are being answered.", "livesum")
        self.dropped = gauge("usage_rows_dropped", "Calls that were not recorded, by any worker.", "mostrecent")
        self.config_hash = gauge("config_hash", "A hash of the settings in use.", "liveall")
        self.config_time = gauge("config_last_reload_success_timestamp_seconds", "When they were loaded.", "liveall")
        self.config_valid = gauge("config_last_reload_successful", "Whether the newest settings are used.", "liveall")
        self._firing = Gauge(
            "budwood_alert_firing", "Whether an alert fires.", ("rule",), multiprocess_mode="mostrecent"
        )
        self._rules: set[str] = set()
        self.events = EventMetrics()
        self._series: dict[tuple[str, int], Counter] = {}
        self._durations: dict[str, Histogram] = {}

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count a request. The series are kept, because finding them costs more than counting."""
        series = self._series.get((route, status))
        if series is None:
            series = self._series[route, status] = self._requests.labels(route, str(status))
        series.inc()
        durations = self._durations.get(route)
        if durations is None:
            durations = self._durations[route] = self._seconds.labels(route)
        durations.observe(seconds)

    def refuse(self, code: str) -> None:
        """Count a request that a key may not make."""
        self._refused.labels(code).inc()

    def show_alerts(self, firing: Mapping[str, bool]) -> None:
        """Set whether each alert fires. One that does not exist any more stays, and does not."""
        self._rules |= firing.keys()
        for rule in self._rules:
            self._firing.labels(rule).set(firing.get(rule, False))

    def collect(self) -> tuple[bytes, str]:
        """Return the metrics of all processes that share a folder, or of this one, and their content type."""
        from prometheus_client import REGISTRY, CollectorRegistry
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

        if os.environ.get(FOLDER) is None:
            return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST


@functools.cache
def get_metrics() -> Metrics:
    """Return the metrics of the process."""
    return Metrics()
