"""The program of docs/guides/gateway-runs.md works as printed, with the address and key of a server that runs."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.server.serving import ServeProcess

pytestmark = pytest.mark.one_python

GUIDE = (Path(__file__).resolve().parents[4] / "docs" / "guides" / "gateway-runs.md").read_text("utf-8")


def test_the_program_of_the_guide_creates_rows(tmp_path):
    """
    `budwood serve` starts the worker, and the events end with the run. SIGTERM ends both.
    """
    settings, *_ = re.findall(r"^```toml\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    (program,) = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    with ServeProcess(tmp_path, settings=settings) as server:
        server.import_api()
        written = program.replace("http://127.0.0.1:8080", server.url).replace("bw_live_…", server.create_key())
        run = subprocess.run([sys.executable, "-c", written], cwd=tmp_path, capture_output=True, text=True, check=False)
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0

    assert run.returncode == 0, run.stderr
    assert "event: end" in run.stdout
    assert '"state":"complete"' in run.stdout
    assert run.stdout.count('{"messages":') == 4
