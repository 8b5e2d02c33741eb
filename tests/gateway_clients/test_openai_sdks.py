"""OpenAI's SDKs for Python, in two major versions, and for Node, through the gateway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version

from tests.gateway_clients.node import PROGRAMS, install_program

NODE_PACKAGE = "openai@6.49.0"
"""The last major version for Node 20."""

OLDER = "openai==2.54.0"
TEXT = "Grafting joins two plants."
EXPECTED = {
    "plain": TEXT,
    "usage": 16,
    "streamed": TEXT,
    "streamed usage": 16,
    "tool": ["weather", {"city": "Oslo"}],
    "after tool": TEXT,
    "structured": "Ada",
    "responses": TEXT,
    "responses streamed": ["response.created", "response.completed"],
    "embedding": [0.1, 0.2],
    "models": True,
    "unknown model": ["model_not_found", True, True],
    "wrong key": "invalid_api_key",
}


def see(gateway, *command, folder=None):
    """Run a program, and return what it has seen."""
    run = subprocess.run(command, cwd=folder, env=gateway.environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_python_sdk(gateway):
    """
    Openai 3 for Python: chats, streams, tools, structured output, responses, embeddings, models and errors.
    """
    seen = see(gateway, sys.executable, str(PROGRAMS / "openai_client.py"))

    assert seen.pop("version") == version("openai")
    assert seen == EXPECTED


def test_older_python_sdk(gateway):
    """
    Openai 2 for Python sees the same.
    """
    seen = see(gateway, os.environ["BUDWOOD_TEST_OLDER_PYTHON"], str(PROGRAMS / "openai_client.py"))

    assert seen.pop("version") == OLDER.partition("==")[2]
    assert seen == EXPECTED


def test_node_sdk(gateway, tmp_path):
    """
    Openai for Node sees the same.
    """
    command = install_program(tmp_path, NODE_PACKAGE, "openai_client.mjs")

    assert see(gateway, *command, folder=tmp_path) == EXPECTED
