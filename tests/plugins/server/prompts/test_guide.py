"""The example of docs/guides/prompts.md works as printed, with the address and a key of a server that runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.server.serving import ServeProcess

pytestmark = pytest.mark.one_python

GUIDE = (Path(__file__).resolve().parents[4] / "docs" / "guides" / "prompts.md").read_text("utf-8")
PROMPT = {
    "name": "greeting",
    "variables": {"name": {}},
    "messages": [{"role": "user", "content": "Who has a name?\n\n<passage>The name is {{ name }}.</passage>"}],
}


def test_program_asks_by_the_name_of_a_prompt(tmp_path):
    """
    It prints the version of the label, and the reply to the prompt.
    """
    section = GUIDE.partition("## Use a prompt of the server")[2].partition("\n## ")[0]
    (program,) = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    with ServeProcess(tmp_path, settings='[server.models]\ndemo = "offline/extractive"\n') as served:
        with served.client(served.create_key(scopes={"prompts"})) as client:
            assert client.post("/api/prompts", json=PROMPT).status_code == 201
            assert client.put("/api/prompts/greeting/labels/production", json={"version": 1}).status_code == 200
        run = subprocess.run(
            [sys.executable, "-c", program.replace("http://127.0.0.1:8080", served.url)],
            env={**os.environ, "BUDWOOD_KEY": served.create_key(scopes={"infer"}), "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["greeting@1", "The name is Ada."]
