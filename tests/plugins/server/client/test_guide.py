"""The programs of docs/guides/gateway-client.md work as printed, with the address and the key of a server that runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from budwood_server.client import GatewayClient

pytestmark = pytest.mark.one_python

GUIDE = (Path(__file__).resolve().parents[4] / "docs" / "guides" / "gateway-client.md").read_text("utf-8")


@pytest.fixture
def key(gateway):
    """
    A key as the command of the guide creates it.
    """
    (command,) = re.findall(r"^\$ budwood server keys create (.*)$", GUIDE, re.MULTILINE)
    name, *options = command.split()
    with GatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
        return client.keys.create(name, scopes=set(options[1::2])).key


def test_programs_of_the_guide_work(gateway, key, tmp_path):
    """
    They print what they have asked for.
    """
    program = "\n".join(re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE))
    written = program.replace("http://127.0.0.1:8080", gateway.url).replace("bw_live_…", key)
    command = [sys.executable, "-c", written]

    run = subprocess.run(command, cwd=tmp_path, env=os.environ.copy(), capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert (lines[0], lines[1].split(" question@")[0]) == ("scripts", "The shoot gives fruit.")
    assert "question" in lines[-1]
