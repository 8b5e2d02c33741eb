"""OpenStack Swift with its S3 API for tests: it checks signatures, and has no conditional PUT."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

PROGRAMS = ("swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server", "memcached")
INSTALL = (
    "run `apt-get install --no-install-recommends swift-proxy swift-account swift-container swift-object memcached`"
)


class SwiftServer:
    """
    A server on free ports of loopback. Its data is in a temporary folder.

    Without Swift, or without the script that starts it, the test is skipped; in CI it fails.

    Args:
        shared_folder: The folder with the script.
        folder: An empty folder.
    """

    def __init__(self, shared_folder, folder):
        self._script = shared_folder / "tools" / "swift" / "run.sh"
        self._folder = folder

    def __enter__(self):
        if not all(map(shutil.which, PROGRAMS)):
            _give_up(f"OpenStack Swift is not installed: {INSTALL}")
        if not self._script.is_file():
            _give_up("the script tools/swift/run.sh is missing in ../shared")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SWIFT_")}
        self._process = subprocess.Popen(
            [self._script, "sh", "-c", "env; echo; cat"],  # cat ends with the process of the tests
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self._folder,
            env=environment,
        )
        settings = dict(line.rstrip("\n").split("=", 1) for line in iter(self._process.stdout.readline, "\n") if line)
        self.endpoint = settings["S3_ENDPOINT"]
        self.access_key_id = settings["AWS_ACCESS_KEY_ID"]
        self.secret_access_key = settings["AWS_SECRET_ACCESS_KEY"]
        return self

    def __exit__(self, *error):
        self._process.communicate()  # closes its input


def _give_up(reason):
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
