"""An S3 server of moto for tests. It has conditional requests, and does not check signatures."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys, threading
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.port, flush=True)
sys.stdin.read()  # ends with the process of the tests
"""

INSTALL = 'run `pip install "moto[s3]" flask flask-cors`'


class MotoServer:
    """
    A server on a free port of loopback, in a process of its own.

    Without moto the test is skipped; in CI it fails.
    """

    access_key_id = "moto-key"
    secret_access_key = "moto-secret"

    def __enter__(self):
        if any(importlib.util.find_spec(name) is None for name in ("moto", "flask", "flask_cors")):
            if os.environ.get("CI"):
                pytest.fail(f"moto is not installed: {INSTALL}")
            pytest.skip(f"moto is not installed: {INSTALL}")
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        port = self._process.stdout.readline().strip()
        assert port, "moto did not start"
        self.endpoint = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *error):
        self._process.communicate()  # closes its input
