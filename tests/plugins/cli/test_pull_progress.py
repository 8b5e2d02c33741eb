from __future__ import annotations

import json
import sys
import threading

import pytest

from budwood.types import PullProgress
from budwood_cli.pull_progress import SECONDS_BETWEEN_LINES, PullLines, format_step
from tests.servers import WAIT_FOR_CLOSE, head

LAYER = {"status": "pulling 6a07", "digest": "sha256:6a07", "total": 2_019_377_376}
RECORDS = [
    {"status": "pulling manifest"},
    LAYER,
    {**LAYER, "completed": 1_009_688_688},
    {**LAYER, "completed": 2_019_377_376},
    {"status": "success"},
]


def written(*records):
    """
    Encode records as the server sends them, one per line.
    """
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


@pytest.fixture
def ollama(loopback_server, monkeypatch):
    """
    A loopback server at the address of Ollama.
    """
    monkeypatch.setenv("OLLAMA_HOST", loopback_server.url)
    monkeypatch.setenv("BUDWOOD_OPTIONS__RETRIES", "0")
    return loopback_server


def test_a_model_is_pulled(budwood, ollama):
    """
    The name goes to standard output. Without a terminal, each part is a line on standard error.
    """
    ollama.play(head(), written(*RECORDS))

    run = budwood("models", "pull", "ollama/llama3.2")

    assert (run.returncode, run.stdout) == (0, "ollama/llama3.2\n")
    assert run.stderr.splitlines() == ["pulling manifest", "pulling 6a07: 0% of 2.0 GB", "success"]
    assert ollama.requests[0].json["model"] == "llama3.2"


def test_a_pull_as_json(budwood, ollama):
    """
    With --json, each step is a line on standard output, and standard error is empty.
    """
    ollama.play(head(), written(*RECORDS))

    run = budwood("models", "pull", "ollama/llama3.2", "--json")

    steps = [json.loads(text) for text in run.stdout.splitlines()]
    assert [step["completed"] for step in steps] == [None, 0, 1_009_688_688, 2_019_377_376, None]
    assert steps[-1] == {"status": "success", "digest": None, "completed": None, "total": None}
    assert run.stderr == ""


def test_a_quiet_pull(budwood, ollama):
    """
    With --quiet, standard error is empty.
    """
    ollama.play(head(), written(*RECORDS))

    run = budwood("models", "pull", "ollama/llama3.2", "--quiet")

    assert (run.stdout, run.stderr) == ("ollama/llama3.2\n", "")


def test_bars_are_live_at_a_terminal(terminal, ollama):
    """
    Size and progress of each part are shown during the download. Control characters are escaped.
    """
    seen = threading.Event()
    ollama.play(head(), written(RECORDS[0], {"status": "\x1b]0;evil\x07"}, *RECORDS[1:3]), seen, written(RECORDS[-1]))

    screen = terminal("models", "pull", "ollama/llama3.2", COLUMNS="120")
    screen.wait_for("1.0/2.0 GB")
    seen.set()

    assert screen.end() == 0
    assert "\\u001b]0;evil" in screen.shown
    assert "\x1b]0;evil" not in screen.shown


def test_an_unknown_model_is_an_error(budwood, ollama):
    """
    The server's error is printed with a hint, and no name goes to standard output.
    """
    ollama.play(head(), written(RECORDS[0], {"error": "pull model manifest: file does not exist"}))

    run = budwood("models", "pull", "ollama/nobody")

    assert (run.returncode, run.stdout) == (6, "")
    assert "error: ollama: pull model manifest: file does not exist" in run.stderr
    assert "hint: No model is published under this name" in run.stderr


def test_a_missing_server_is_explained(budwood, ollama):
    """
    The hint says how to start the server.
    """
    ollama.__exit__()

    run = budwood("models", "pull", "ollama/llama3.2")

    assert run.returncode == 6
    assert "Start it with `ollama serve`" in run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_an_interrupt_ends_a_pull(started, interrupt, ollama):
    """
    Ctrl-C closes the connection, says how to continue, and ends with 130.
    """
    ollama.play(head(), written(RECORDS[0]), WAIT_FOR_CLOSE)
    process = started("models", "pull", "ollama/llama3.2")
    assert process.stderr.readline() == b"pulling manifest\n"

    output = interrupt(process, process.stderr)

    assert output.decode() == "stopped: the server keeps what it downloaded. Run the same command to continue.\n"
    assert (process.communicate(), process.returncode) == ((b"", b""), 130)
    assert ollama.closed_by_client.wait(60)


def test_lines_are_written_for_each_part_and_every_few_seconds(clock):
    """
    A log gets a line when the step changes, and one every `SECONDS_BETWEEN_LINES`.
    """
    output = []
    lines = PullLines(output.append, clock.monotonic)

    for completed in range(0, 800, 100):
        lines(PullProgress("pulling 6a07", "sha256:6a07", completed, 800))
        clock.sleep(SECONDS_BETWEEN_LINES / 4)
    lines(PullProgress("success"))

    assert output == ["pulling 6a07: 0% of 800 B", "pulling 6a07: 50% of 800 B", "success"]


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (PullProgress("verifying"), "verifying"),
        (PullProgress("x", "d", 0, 0), "x"),
        (PullProgress("x", "d", 5, 1500), "x: 0% of 1.5 kB"),
        (PullProgress("x", "d", 999_700, 999_700), "x: 100% of 1 MB"),
        (PullProgress("x", "d", 1, 4_661_000_000_000), "x: 0% of 4,661.0 GB"),
    ],
)
def test_a_step_is_a_line(step, text):
    """
    Sizes are human-readable, and unknown values are left out.
    """
    assert format_step(step) == text
