"""OpenStack Swift with its S3 API for tests: it checks signatures, and has no conditional PUT."""

from __future__ import annotations

import contextlib
import os
import shutil
from types import SimpleNamespace

import pytest

from tests.shared_server import STATE, USERS, share_server

PROGRAMS = ("swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server", "memcached")
INSTALL = (
    "run `apt-get install --no-install-recommends swift-proxy swift-account swift-container swift-object memcached`"
)


@contextlib.contextmanager
def swift_server(folder, shared_folder):
    """
    Run a server on free ports of loopback. Its data is in a temporary folder.

    Without Swift, or without the script that starts it, the test is skipped; in CI it fails.

    Args:
        folder: The same folder in all processes of the test run.
        shared_folder: The folder with the script.
    """
    script = shared_folder / "tools" / "swift" / "run.sh"
    if not all(map(shutil.which, PROGRAMS)):
        _give_up(f"OpenStack Swift is not installed: {INSTALL}")
    if not script.is_file():
        _give_up("the script tools/swift/run.sh is missing in ../shared")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SWIFT_")}
    command = [script, "sh", "-c", f"env; echo; exec flock --exclusive {USERS} rm {STATE}"]
    folder.mkdir(exist_ok=True)
    with share_server(folder, command, _read_settings, cwd=folder, env=environment) as settings:
        yield SimpleNamespace(**settings)


def _read_settings(output):
    lines = dict(line.rstrip("\n").split("=", 1) for line in iter(output.readline, "\n") if "=" in line)
    return {
        "endpoint": lines["S3_ENDPOINT"],
        "access_key_id": lines["AWS_ACCESS_KEY_ID"],
        "secret_access_key": lines["AWS_SECRET_ACCESS_KEY"],
    }


def _give_up(reason):
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
