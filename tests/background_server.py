"""An HTTP server on loopback that runs in a thread, as the base of servers for tests."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest


class BackgroundServer:
    """
    Handles requests concurrently inside a ``with`` block, in which proxies of the environment are not used.
    """

    def listen(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        """Open a port; 0 for any free one. The ``server.owner`` of handlers is this object."""
        self._environment = pytest.MonkeyPatch()
        self._server = _Server(("127.0.0.1", port), handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def origin(self) -> str:
        """The origin of the server's URLs."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            self._environment.delenv(name, raising=False)
            self._environment.delenv(name.upper(), raising=False)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._environment.undo()


class _Server(ThreadingHTTPServer):
    owner: Any
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), OSError):  # a killed client closes its connection
            super().handle_error(request, client_address)
