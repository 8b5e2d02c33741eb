"""``budwood batch run`` that is killed, interrupted or disturbed: no request is sent again whose result is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.cli.batch_run_server import CountingServer, use
from tests.plugins.cli.conftest import COMMAND
from tests.plugins.cli.test_batch_run import read, texts
from tests.small_disk import mount_disk

pytestmark = pytest.mark.one_python

PROMPTS = [f"p{number}" for number in range(10)]
TEXTS = [prompt.upper() for prompt in PROMPTS]
RUN = ("batch", "run", "prompts.txt", "-o", "out.jsonl", "--concurrency", "1")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """
    Run the commands in a new folder with ten prompts.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.txt").write_text("".join(f"{prompt}\n" for prompt in PROMPTS))
    return tmp_path


@pytest.fixture
def server(monkeypatch):
    """
    A vendor that counts requests, and holds the sixth one.
    """
    with CountingServer() as running:
        use(running, monkeypatch)
        running.first_held = 6
        yield running


def wait_for_the_sixth(server):
    """
    Wait until the sixth request has arrived: one at a time is sent, so that five results are stored.
    """
    for _ in range(6):
        server.arrived.acquire()


def test_a_killed_run_continues(budwood, started, server, folder):
    """
    After SIGKILL, the same command sends only what has no result: the request that ran, and the others.
    """
    process = started(*RUN)
    wait_for_the_sixth(server)
    process.kill()
    process.wait()
    server.gate.set()
    assert not (folder / "out.jsonl").exists()
    assert len(read(folder / "out.jsonl.partial")) == 5

    run = budwood(*RUN)

    assert run.returncode == 0, run.stderr
    assert server.prompts == [*PROMPTS[:6], *PROMPTS[5:]]
    assert texts(folder / "out.jsonl") == TEXTS
    assert not (folder / "out.jsonl.partial").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_an_interrupt_waits_for_the_requests_in_flight(budwood, started, interrupt, server, folder):
    """
    The first Ctrl-C sends nothing more, and the request in flight is stored. The same command continues.
    """
    process = started(*RUN, "--quiet")
    wait_for_the_sixth(server)
    assert b"Stopping after 1 request in flight" in interrupt(process, process.stderr)
    server.gate.set()
    notes = process.stderr.read().decode()

    assert process.wait() == 130
    assert notes.endswith(
        "stopped: out.jsonl has the results of 6 of 10 requests.\nhint: Run the same command again to send the rest.\n"
    )
    assert texts(folder / "out.jsonl") == TEXTS[:6]

    assert budwood(*RUN).returncode == 0
    assert server.prompts == PROMPTS
    assert texts(folder / "out.jsonl") == TEXTS


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_a_second_interrupt_ends_at_once(started, interrupt, server, folder):
    """
    The request in flight is given up, and the results so far are in the output.
    """
    process = started(*RUN, "--quiet")
    wait_for_the_sixth(server)
    assert b"Stopping" in interrupt(process, process.stderr)
    process.send_signal(signal.SIGINT)

    assert process.wait() == 130
    assert (
        b"stopped: out.jsonl has the results of 5 of 10 requests.\nhint: Run the same command" in process.stderr.read()
    )
    assert texts(folder / "out.jsonl") == TEXTS[:5]


def test_an_incomplete_last_line_is_sent_again(budwood, started, server, folder):
    """
    A row that a crash has cut off is removed, and no other request is sent twice.
    """
    process = started(*RUN)
    wait_for_the_sixth(server)
    process.kill()
    process.wait()
    server.gate.set()
    partial = folder / "out.jsonl.partial"
    partial.write_bytes(partial.read_bytes()[:-40])

    run = budwood(*RUN)

    assert (run.returncode, "cannot be read" in run.stderr) == (0, False)
    assert server.prompts == [*PROMPTS[:6], *PROMPTS[4:]]
    assert texts(folder / "out.jsonl") == TEXTS


@pytest.mark.parametrize("damage", [b"\xff\xfe\x00garbage", b"[" * 100_000, b'{"index": 3, "input": 5}', b""])
def test_damaged_rows_are_sent_again(budwood, server, folder, damage):
    """
    Lines of the output that cannot be read are counted, and their requests are sent again.
    """
    server.first_held = None
    budwood(*RUN)
    lines = (folder / "out.jsonl").read_bytes().splitlines()
    lines[3] = damage
    (folder / "out.jsonl").write_bytes(b"\n".join(lines))

    run = budwood(*RUN)

    assert run.returncode == 0, run.stderr
    assert "out.jsonl has 1 line that cannot be read. Their requests are sent again." in run.stderr
    assert server.prompts[10:] == ["p3"]
    assert texts(folder / "out.jsonl") == TEXTS


def test_a_full_disk_keeps_all_results(budwood, tmp_path, server, monkeypatch):
    """
    A result that cannot be written ends the run. With free space, the same command continues.
    """
    server.first_held = None
    server.say = lambda body: body["messages"][-1]["content"].upper() + " " * 20_000
    with mount_disk(tmp_path / "disk") as disk:
        monkeypatch.chdir(disk.folder)
        (disk.folder / "prompts.txt").write_text("".join(f"{prompt}\n" for prompt in PROMPTS))
        disk.leave(80 * 1024)
        full = budwood(*RUN)
        kept = sorted(path.name for path in disk.folder.iterdir())
        disk.make_room()
        before = len(server.requests)
        run = budwood(*RUN)
        results = [text.strip() for text in texts(disk.folder / "out.jsonl")]

    assert full.returncode == 1, full.stderr
    assert "No space left" in full.stderr
    assert "run the command again" in full.stderr
    assert kept == ["ballast", "out.jsonl.partial", "prompts.txt"]
    assert run.returncode == 0, run.stderr
    assert 0 < before < 10
    assert len(server.requests) == 11  # the result that could not be written is requested again
    assert results == TEXTS


def test_two_commands_do_not_write_one_output(budwood, started, server, folder):
    """
    The second one is refused, and the first one is not disturbed.
    """
    process = started(*RUN)
    wait_for_the_sixth(server)

    second = budwood(*RUN)
    server.gate.set()
    process.communicate()

    assert second.returncode == 2
    assert "Another command writes to" in second.stderr
    assert process.returncode == 0
    assert (server.prompts, texts(folder / "out.jsonl")) == (PROMPTS, TEXTS)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no `head`")
def test_a_reader_that_leaves_ends_the_run_quietly(server):
    """
    With `| head -1`, the first result is printed as soon as it is there, and the rest is not sent.
    """
    server.first_held = 3
    process = subprocess.Popen(
        [*COMMAND, "batch", "run", "prompts.txt", "-q", "--concurrency", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    first = process.stdout.readline()
    process.stdout.close()
    server.gate.set()
    errors = process.stderr.read()
    process.stderr.close()

    assert json.loads(first)["text"] == "P0"
    assert (process.wait(), errors) == (0, b"")
    assert len(server.requests) <= 4


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "has no requests"),
        (b"\n \n\t\n", "has no requests"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1 is not UTF-8 text"),
        (b"fine\n\x00\x01\x02", "line 2 contains a zero byte"),
        (b'"fine"\n{"prompt": 1}\n', "line 2 has neither a prompt nor messages"),
        (b'"fine"\n' + b"[" * 100_000, "line 2 is not JSON"),
    ],
)
def test_files_without_requests_are_usage_errors(budwood, folder, server, content, problem):
    """
    An empty or binary file, and one with a line that is no request, are errors before anything is sent.
    """
    (folder / "requests").write_bytes(content)

    run = budwood("batch", "run", "requests", "-o", "out.jsonl")

    assert run.returncode == 2, run.stderr
    assert problem in run.stderr
    assert server.requests == []
    assert not (folder / "out.jsonl").exists()


def test_hostile_texts_are_kept(budwood, folder, server):
    """
    Control characters, line separators of Unicode and lone surrogates reach the model and the output unchanged.
    """
    server.first_held = None
    hostile = ["\x1b]0;title\x07", "a\u2028b\u0085c", "\U0001f600" * 3, "x" * 100_000, '"}{"index": 0}']
    server.say = lambda body: body["messages"][-1]["content"]
    (folder / "hostile.jsonl").write_text("".join(f"{json.dumps(text)}\n" for text in [*hostile, "\ud800"]))

    run = budwood("batch", "run", "hostile.jsonl", "-o", "out.jsonl", "--concurrency", "2")

    rows = read(folder / "out.jsonl")
    assert run.returncode == 7
    assert [row.get("text") for row in rows[:5]] == hostile
    assert "error" in rows[5]
    assert "\x1b" not in run.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="it reads the memory from /proc")
def test_the_memory_does_not_grow_with_the_file(folder):
    """
    With 10,000 requests, a command uses little more memory than with 100.
    """
    (folder / "many.txt").write_text("".join(f"What is {number} squared?\n" for number in range(10_000)))
    few, many = (measure(folder, limit) for limit in (100, 10_000))

    assert len(read(folder / "out-10000.jsonl")) == 10_000
    assert many - few < 24 * 2**20


def measure(folder, limit):
    """
    Return the peak memory of a command in bytes.
    """
    script = (
        "from budwood_cli.program import run\n"
        "from tests.peak_memory import read_peak_memory\n"
        f"status = run(['batch', 'run', 'many.txt', '-m', 'offline/extractive', '-q', '--limit', '{limit}',"
        f" '-o', 'out-{limit}.jsonl'])\n"
        "assert status == 0, status\n"
        "print(read_peak_memory())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment_with_tests(),
    )
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout.split()[-1])


def environment_with_tests():
    """
    Return the environment in which `tests` can be imported.
    """
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
