from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from budwood import AsyncClient, Client
from budwood.errors import InvalidRequestError
from budwood.types import TextDelta
from budwood_generation import generate, make_plan, resume
from budwood_generation.journal import read_totals
from tests.datasets import conversation_spec, read_rows, write_spec

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = REPOSITORY / ".nox" / "servers" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
KILLED_RUN = REPOSITORY / "tests" / "faults" / "programs" / "killed_run.py"
MODEL = "llama-cpp/tiny"
OPTIONS = {"max_tokens": 12, "temperature": 1.0}

pytestmark = pytest.mark.real_server


@pytest.fixture(scope="module")
def model(shared_folder, tmp_path_factory):
    """
    The file of a tiny model, whose weights are random. Without the servers' environment the test skips; in CI it fails.
    """
    if not PYTHON.is_file():
        if os.environ.get("CI"):
            pytest.fail("there is no llama.cpp: run `nox -s servers`")
        pytest.skip("there is no llama.cpp on this machine: run `nox -s servers`")
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    subprocess.run([PYTHON, shared_folder / "tools" / "make_tiny_gguf.py", path], check=True)
    return path


@pytest.fixture(scope="module")
def server(model):
    """
    Settings with which the preset llama-cpp uses a server of the model.
    """
    options = ["--model", model, "--model_alias", "tiny", "--host", "127.0.0.1", "--port", "0", "--verbose", "False"]
    command = [PYTHON, "-m", "llama_cpp.server", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = []
            for line in process.stderr:
                lines.append(line)
                if "running on" in line:
                    break
            else:
                pytest.fail("".join(lines))
            threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would block the server
            address = lines[-1].partition("running on ")[2].split()[0]
            yield {"providers": {"llama-cpp": {"base_url": f"{address}/v1"}}}
        finally:
            process.terminate()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """
    Requests to the server do not use a proxy of this machine.
    """
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_it_answers(server):
    """
    Text, usage and finish reason are those of the server. The preset uses llama.cpp's name of max_tokens.
    """
    with Client(MODEL, settings=server) as client:
        reply = client.ask("Say something.", system="Be brief.", seed=3, **OPTIONS)

    assert reply.text
    assert (reply.finish_reason, reply.model) == ("length", "tiny")
    assert reply.usage.input_tokens > 10
    assert reply.adaptations == ()


def test_the_seed_repeats_the_answer(server):
    """
    Repeated runs of a dataset depend on it.
    """
    with Client(MODEL, settings=server, cache=False) as client:
        texts = [client.ask("Say something.", seed=seed, **OPTIONS).text for seed in (1, 1, 2)]

    assert texts[0] == texts[1] != texts[2]


def test_it_streams(server):
    """
    The deltas form the text, and the stream ends like a complete reply.
    """
    with Client(MODEL, settings=server) as client, client.stream("Say something.", seed=3, **OPTIONS) as stream:
        deltas = [event.text for event in stream if isinstance(event, TextDelta)]

    assert len(deltas) > 1
    assert "".join(deltas) == stream.response.text
    assert stream.response.finish_reason == "length"


def test_it_answers_in_parallel(server):
    """
    Each call of the async client gets its own answer.
    """

    async def ask():
        async with AsyncClient(MODEL, settings=server) as client:
            return await asyncio.gather(*(client.ask("Say something.", seed=seed, **OPTIONS) for seed in (1, 2, 1)))

    replies = asyncio.run(ask())

    assert replies[0].text == replies[2].text != replies[1].text


def test_it_lists_its_model(server):
    """
    The list is that of the server.
    """
    with Client(MODEL, settings=server) as client:
        listed = client.models("llama-cpp")

    assert [(found.id, found.provider) for found in listed] == [("tiny", "llama-cpp")]


def test_a_prompt_that_is_too_long_is_not_retried(server):
    """
    The server's status 400 is an error of the request.
    """
    with Client(MODEL, settings=server) as client, pytest.raises(InvalidRequestError) as raised:
        client.ask("word " * 5000)

    assert raised.value.status == 400
    assert len(raised.value.attempts) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_dataset_survives_kills(server, tmp_path):
    """
    A run that is killed twice and resumed repeats no committed call, and has all rows.
    """
    options = OPTIONS | {"keep_truncated": True}
    job = {"answerer": MODEL, "turns": (1, 2), "asker_options": options, "answerer_options": options}
    spec = conversation_spec(tmp_path, job=job, rows=8, concurrency=2)
    path, act, saved = write_spec(spec), "generate", 0
    for _ in range(2):
        command = [sys.executable, KILLED_RUN, act, path, json.dumps(server), "commit", "4"]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        before, saved = saved, read_totals(spec.run_folder / "journal.sqlite").calls
        assert saved >= before + 4
        path, act = spec.run_folder, "resume"

    report = resume(spec.run_folder, settings=server)

    plan = make_plan(spec, settings=server)
    rows = read_rows(report.output)
    assert report.failures == ()
    assert report.calls + saved == plan.calls
    assert [row["id"] for row in rows] == [cell.id for cell in plan.cells]
    assert sum(len(row["messages"]) for row in rows) == plan.calls
    assert generate(spec, settings=server).calls == 0
