"""The examples of docs/guides/gateway-run.md work as printed, with the address and a key of a server that runs."""

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

GUIDE = (Path(__file__).resolve().parents[4] / "docs" / "guides" / "gateway-run.md").read_text("utf-8")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """
    A server with the model of the guide.
    """
    folder = tmp_path_factory.mktemp("run")
    with ServeProcess(folder, settings='[server.models]\ndemo = "offline/extractive"\n') as served:
        served.import_api()  # for the sessions
        yield served


@pytest.fixture(scope="module")
def key(server):
    """
    A key for inference.
    """
    return server.create_key(scopes={"infer"})


def blocks(language):
    """
    Return the blocks of the guide in a language.
    """
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def test_reply_has_the_printed_fields(server, key):
    """
    The body of the command, and the reply to it.
    """
    (command,), (printed,) = blocks("bash"), blocks("json")
    words = shlex.split(command)
    body = json.loads(words[words.index("-d") + 1])

    with server.client(key) as client:
        received = client.post("/api/run", json=body).json()

    assert received | {"request_id": "req_…"} == json.loads(printed)


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (0, "{'fruit': 'apple'}\n"),
        (1, "The shoot gives fruit.\nThe root gives water.\nuser\nassistant\nuser\nassistant\n"),
    ],
)
def test_programs_run(server, key, number, printed):
    """
    The first prints a value, the second two replies and who wrote each message.
    """
    run = subprocess.run(
        [sys.executable, "-c", blocks("python")[number].replace("http://127.0.0.1:8080", server.url)],
        env={**os.environ, "BUDWOOD_KEY": key, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout == printed
