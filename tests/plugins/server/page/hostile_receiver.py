"""A receiver of webhooks on loopback whose answers contain markup."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MARKUP = "<img src=x onerror=alert(1)></pre><script>alert(2)</script>{{ 7 * 7 }}"
"""What the answers have in their body and in a header."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        content = MARKUP.encode() * 100
        self.send_response(self.server.status)
        self.send_header("content-type", "text/html")
        self.send_header("x-markup", MARKUP)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def run_hostile_receiver():
    """
    Run a receiver. It has its ``url``, the ``bodies`` that it got, and the ``status`` of its answers.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.bodies, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}/events"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
