"""The quickstart of docs/guides/gateway.md works as printed, with the address and the key of a server that runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.server.serving import ServeProcess

pytestmark = pytest.mark.one_python

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "gateway.md").read_text("utf-8")
QUICKSTART = GUIDE.partition("## Five minutes")[2].partition("\n## ")[0]
FROM_PYTHON = GUIDE.partition("## From programs")[2].partition("\n## ")[0]
ANSWER = "The shoot gives fruit."


def blocks(language, section=QUICKSTART):
    """Return the blocks of a section in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The server of the quickstart, on a free port."""
    (settings,) = blocks("toml")
    with ServeProcess(tmp_path_factory.mktemp("quickstart"), settings=settings) as served:
        yield served


@pytest.fixture(scope="module")
def key(server):
    """The key of the quickstart, from the command as it is printed."""
    (line,) = [line for block in blocks("console") for line in block.splitlines() if "keys create" in line]
    command = [sys.executable, "-m", "budwood_cli", *shlex.split(line.removeprefix("$ budwood ")), "--json"]
    run = subprocess.run(
        command, cwd=server.folder, env=server.environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)["key"]


@pytest.mark.parametrize("program", blocks("python"), ids=["openai", "anthropic"])
def test_programs_of_the_quickstart_print_the_answer(program, server, key):
    """
    The programs for the SDKs of OpenAI and Anthropic get the answer of the demo model.
    """
    written = program.replace("http://127.0.0.1:8080", server.url).replace("bw_live_…", key)

    run = subprocess.run(
        [sys.executable, "-c", written], env=os.environ.copy(), capture_output=True, text=True, check=False
    )

    assert run.stdout.strip() == ANSWER, run.stderr


def test_usage_of_the_gateway_is_shown_while_it_runs(server, key):
    """
    A call of a key appears under the key's name.
    """
    body = {"model": "demo", "messages": [{"role": "user", "content": "What gives fruit?"}]}
    with server.client(key) as client:
        client.post("/v1/chat/completions", json=body).raise_for_status()
    command = [sys.executable, "-m", "budwood_cli", "usage", "--server", "--by", "label,tag:model", "--json"]
    rows = []
    while not rows:  # records are written a moment after the reply
        rows = json.loads(subprocess.check_output(command, cwd=server.folder, env=server.environment))

    assert {(row["label"], row["tag:model"]) for row in rows} == {("my-program", "demo")}


def test_provider_calls_the_server(server, key, tmp_path):
    """
    The program and its settings are those of the guide.
    """
    (settings,), (program,) = blocks("toml", FROM_PYTHON), blocks("python", FROM_PYTHON)
    written = settings.replace("http://127.0.0.1:8080", server.url).replace("bw_live_…", key)
    (tmp_path / "budwood.toml").write_text(written, "utf-8")

    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [ANSWER, "offline", "['demo']"]
