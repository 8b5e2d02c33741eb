"""Spans and metrics by OTLP."""

from __future__ import annotations

import gzip
import signal
from http.server import BaseHTTPRequestHandler

import pytest

from tests.background_server import BackgroundServer
from tests.plugins.server.serving import MODELS, ServeProcess

pytestmark = pytest.mark.one_python

QUESTION = {"model": "fast", "messages": [{"role": "user", "content": "Summarise: Grafting joins two plants."}]}


class Collector(BackgroundServer):
    """
    Keeps what is sent to it, by path.
    """

    def __init__(self):
        self.received = {}
        self.listen(Handler)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.owner.received[self.path] = self.server.owner.received.get(self.path, b"") + body
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def test_spans_and_metrics_arrive_at_the_collector(tmp_path):
    """
    The observer and the standard variable suffice; what is left is sent when the server stops.
    """
    with Collector() as collector:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.origin}
        settings = 'observers = ["opentelemetry"]\n' + MODELS
        with ServeProcess(tmp_path, settings=settings, environment=environment) as server, server.client() as client:
            assert client.post("/v1/chat/completions", json=QUESTION).status_code == 200
            server.send_signal(signal.SIGTERM)
            assert server.wait() == 0

    assert b"chat extractive" in collector.received["/v1/traces"]
    assert b"gen_ai.client.operation.duration" in collector.received["/v1/metrics"]
