"""An S3 server of moto for tests. It has conditional requests, and does not check signatures."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from types import SimpleNamespace

import pytest

from tests.shared_server import STATE, USERS, share_server

PROGRAM = """
import fcntl, logging, os, sys, threading
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

users, state = sys.argv[1:]
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.port, flush=True)
with open(users, "a") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    os.remove(state)
"""

INSTALL = 'run `pip install "moto[s3]" flask flask-cors`'


@contextlib.contextmanager
def moto_server(folder):
    """
    Run a server on a free port of loopback. Without moto the test is skipped; in CI it fails.

    Args:
        folder: The same folder in all processes of the test run.
    """
    if any(importlib.util.find_spec(name) is None for name in ("moto", "flask", "flask_cors")):
        if os.environ.get("CI"):
            pytest.fail(f"moto is not installed: {INSTALL}")
        pytest.skip(f"moto is not installed: {INSTALL}")
    command = [sys.executable, "-c", PROGRAM, folder / USERS, folder / STATE]
    with share_server(folder, command, _read_settings) as settings:
        yield SimpleNamespace(**settings, access_key_id="moto-key", secret_access_key="moto-secret")


def _read_settings(output):
    return {"endpoint": f"http://127.0.0.1:{int(output.readline())}"}
