"""The programs of docs/guides/gateway-telemetry.md work as printed, with the address and key of a server that runs."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.server.serving import ServeProcess

pytestmark = pytest.mark.one_python

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "gateway-telemetry.md").read_text("utf-8")
BODY = {"model": "demo", "messages": [{"role": "user", "content": "What gives fruit?"}], "user": "=1+1"}


def test_programs_of_the_guide_show_a_call(tmp_path):
    """
    Its team, model and cost; and the files have no formula.
    """
    program = "\n".join(re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE))
    with ServeProcess(tmp_path, settings='[server.models]\ndemo = "offline/extractive"\n') as server:
        key = server.create_key(scopes={"telemetry", "admin"})
        with server.client() as client:
            client.post("/v1/chat/completions", json=BODY).raise_for_status()
        calls = []
        with server.client(key) as client:
            while not calls:  # records are written a moment after the reply
                calls = client.get("/api/telemetry/calls").json()["items"]
        written = program.replace("http://127.0.0.1:8080", server.url).replace("bw_live_…", key)
        command = [sys.executable, "-c", written]
        run = subprocess.run(command, cwd=tmp_path, env=os.environ.copy(), capture_output=True, text=True, check=False)

    assert run.stdout.split() == ["None", "demo", "1", "0"], run.stderr
    [row] = csv.DictReader(Path(tmp_path, "calls.csv").read_text("utf-8").splitlines())
    assert (row["id"], row["user"], row["cost"]) == (str(calls[0]["id"]), "'=1+1", "")  # the price is not known
    assert json.loads(row["tags"]) == {}
    assert Path(tmp_path, "totals.csv").read_text("utf-8").startswith("team,day,calls")
