"""Batches whose process is killed, and that another process takes up again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.batch_server import BatchServer

ROOT = Path(__file__).parents[2]
WAIT = 60.0
"""Seconds after which a process has failed."""

START = """
import os, signal, sys
from budwood import Client

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

client = Client("openai/gpt-4.1-mini", api_key="sk-test", base_url=sys.argv[1])
"""
KILLED = {
    "after the submission": "print(client.submit_batch(['one', 'two']).to_json(), flush=True); kill()",
    "in the report of the submission": """
client.batch(["one", "two"], submitted=lambda ref: (print(ref.model_dump_json(), flush=True), kill()))
""",
    "in polling": """
client.batch(["one", "two"], submitted=lambda ref: print(ref.model_dump_json(), flush=True), progress=kill)
""",
}
CONTINUE = """
with client:
    print([reply.text for reply in client.job(sys.argv[2]).result()])
"""


def run(code, *arguments):
    """
    Run code in another process; return its exit status and the lines that it wrote.
    """
    command = [sys.executable, "-c", START + code, *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT, check=False)
    return ended.returncode, ended.stdout.splitlines(), ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by a signal")
@pytest.mark.parametrize("killed", KILLED)
def test_batch_of_a_killed_process_continues_in_another(killed):
    """
    Nothing is submitted twice, and no reply is lost.
    """
    with BatchServer(states=("in_progress", "completed")) as server:
        status, (saved,), errors = run(KILLED[killed], server.url)
        assert status < 0, errors
        assert run(CONTINUE, server.url, saved) == (0, ["['ONE', 'TWO']"], "")

    assert server.count("POST /files") == server.count("POST /batches") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by a signal")
@pytest.mark.parametrize("line", ["POST /files", "POST /batches"])
def test_batch_of_a_process_that_is_killed_before_its_creation_is_submitted_again(tmp_path, line):
    """
    A program knows from `creating` whether the vendor may have the batch. Before that, nothing was created.
    """
    mark = tmp_path / "creating"
    code = "client.submit_batch(['one'], creating=lambda: open(sys.argv[2], 'w').close())"
    with BatchServer() as server:
        process = None

        def kill(received, *, is_done):
            if process is None or received != line:
                return False
            process.kill()
            return True

        server.hook = kill
        process = subprocess.Popen([sys.executable, "-c", START + code, server.url, str(mark)], cwd=ROOT)
        assert process.wait(timeout=WAIT) < 0
        process = None
        assert mark.exists() == (line == "POST /batches")
        assert run("print(len(client.submit_batch(['one'])))", server.url) == (0, ["1"], "")

    assert len(server.batches) == 1
