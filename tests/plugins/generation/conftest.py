"""Runs in separate processes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

MAKE = Path(__file__).parent / "programs" / "make.py"


@pytest.fixture
def start():
    """
    Start a run in a separate process, which is stopped after the test. It prints a line for each commit.
    """
    with contextlib.ExitStack() as processes:

        def start(act, path, settings):
            command = [sys.executable, MAKE, act, path, json.dumps(settings)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            processes.enter_context(process)
            processes.callback(process.kill)
            return process

        yield start
