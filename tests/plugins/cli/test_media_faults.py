"""Commands for media, jobs and batches that are interrupted, or whose output cannot be written."""

from __future__ import annotations

import base64
import errno
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading

import pytest

from budwood import Client, JobState
from budwood_cli import batch_files, program
from budwood_cli.errors import OutputError
from budwood_cli.job_store import list_jobs, save_job
from budwood_cli.media_outputs import MediaOutput, write_text_output
from tests.batch_server import BatchServer
from tests.media_server import BLOCK, PNG
from tests.plugins.cli.conftest import COMMAND, MAX_WAIT

VIDEO = ("video", "-m", "local/clips", "A cat", "-o", "cat.mp4")
_PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
from budwood_cli.main import main
sys.exit(main())
"""
FULL_DISK = (sys.executable, "-c", _PROGRAM)
"""The command, in a process that cannot write to files."""

pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals and limits"),
]


@pytest.fixture
def gate(server):
    """
    An event on which the server waits before a reply; tests set the line of the request.
    """
    is_open = threading.Event()
    yield is_open
    is_open.set()


def hold(server, gate, line, fault=None):
    """
    Let requests with a line wait for the gate. Return an event that is set when one has arrived.
    """
    has_arrived = threading.Event()

    def find_fault(_number, request):
        if request.line != line:
            return None
        has_arrived.set()
        if fault is None:
            gate.wait()
        return fault

    server.fault = find_fault
    return has_arrived


def test_an_interrupt_waits_for_the_id_of_the_job(started, interrupt, budwood, server, gate):
    """
    The vendor has the request, so that the job is stored before the command ends.
    """
    has_arrived = hold(server, gate, "POST /v1/videos")
    process = started(*VIDEO)
    process.stdin.close()
    assert has_arrived.wait(MAX_WAIT)

    assert b"Waiting for the id of the job" in interrupt(process, process.stderr)
    gate.set()

    assert b"`budwood jobs result video_1` waits for it again" in process.stderr.read()
    assert process.wait() == 130
    assert budwood("jobs", "result", "video_1", "-q").returncode == 0
    assert server.count("POST /v1/videos") == 1


def test_a_second_interrupt_does_not_wait(started, interrupt, server, gate):
    """
    The note says that the vendor may have the job.
    """
    has_arrived = hold(server, gate, "POST /v1/videos")
    process = started(*VIDEO)
    process.stdin.close()
    assert has_arrived.wait(MAX_WAIT)

    assert b"the vendor may have the job" in interrupt(process, process.stderr)
    interrupt(process, process.stdout)

    assert process.wait() == 130


def test_an_interrupted_download_leaves_no_file(started, interrupt, server, gate, tmp_path):
    """
    The note names the command that downloads the video.
    """

    def send_half(handler):
        handler.send_head(200, 2 * len(BLOCK), {"content-type": "video/mp4"})
        handler.wfile.write(BLOCK)
        handler.wfile.flush()
        gate.wait()

    has_arrived = hold(server, gate, "GET /v1/videos/video_1/content", send_half)
    process = started(*VIDEO, "-q")
    process.stdin.close()
    assert has_arrived.wait(MAX_WAIT)

    assert b"`budwood jobs result video_1` fetches it" in interrupt(process, process.stderr)
    assert process.wait() == 130
    assert list(tmp_path.glob("*.mp4*")) + list(tmp_path.glob(".*")) == []


def test_a_closed_pipe_is_quiet():
    """
    The reader of the audio may leave early.
    """
    command = [*COMMAND, "speak", "-m", "offline/speech", "Hello. " * 500, "-o", "-"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.read(4) == b"RIFF"
        process.stdout.close()

        assert (process.stderr.read(), process.wait()) == (b"", 0)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("image", "-m", "offline/image", "A boat"), "out.png"),
        (("speak", "-m", "offline/speech", "Hello"), "out.wav"),
        (("transcribe", "-m", "offline/transcription", "speech.wav"), "out.txt"),
        (("batch", "run", "-m", "offline/extractive", "requests.jsonl"), "out.jsonl"),
    ],
)
def test_existing_files_are_replaced_with_force(budwood, tmp_path, command, name):
    """
    Without it, nothing is sent.
    """
    budwood("speak", "-m", "offline/speech", "Hello", "-o", "speech.wav")
    (tmp_path / "requests.jsonl").write_text('"Hello"')
    (tmp_path / name).write_text("old")

    refused = budwood(*command, "-o", name)
    kept = (tmp_path / name).read_bytes()
    replaced = budwood(*command, "-o", name, "--force")

    assert (refused.returncode, kept) == (2, b"old")
    assert f"error: The output {name} exists" in refused.stderr
    assert "hint: Pass --force" in refused.stderr
    assert replaced.returncode == 0, replaced.stderr
    assert (tmp_path / name).read_bytes() != b"old"


def test_numbered_files_are_checked(budwood, tmp_path):
    """
    Each of them may exist; a file without a number is not concerned.
    """
    for name in ("boat.png", "boat-2.png"):
        (tmp_path / name).write_text("old")

    run = budwood("image", "-m", "offline/image", "A boat", "-n", "2", "-o", "boat.png")

    assert run.returncode == 2
    assert "boat-2.png exists" in run.stderr
    assert not (tmp_path / "boat-1.png").exists()


def test_what_cannot_be_written_is_kept(tmp_path, monkeypatch):
    """
    Results cost money: they go to a temporary file, which the hint names.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / "out"
    folder.mkdir()
    target = MediaOutput(str(folder / "cat.png"), json_output=False, force=False)
    folder.rmdir()
    with Client("offline/image") as client:
        images = client.image("A cat").images

    with pytest.raises(OutputError, match="cannot be written: No such file") as caught:
        target.write(images)
    with pytest.raises(OutputError):
        write_text_output(folder / "cat.txt", "A cat.")

    image, text = sorted(tmp_path.glob("budwood-*/*"))
    assert {image.read_bytes()[:8], text.read_bytes()[:8]} == {PNG[:8], b"A cat."}
    assert str(image.parent.parent) in caught.value.hint


def test_a_full_disk_is_an_error_with_a_hint(tmp_path, monkeypatch):
    """
    No part of a file is left.
    """
    command = [*FULL_DISK, "image", "-m", "offline/image", "A boat", "-o", "boat.png"]
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    assert run.returncode == 1
    assert run.stderr == (
        "error: boat.png cannot be written: File too large.\n"
        "hint: Free some space, or pass another file, and run the command again.\n"
    )
    assert list(tmp_path.glob("*b*")) == []


def test_a_job_that_cannot_be_stored_is_not_lost(budwood, server, tmp_path):
    """
    The command that the hint prints continues it, and stores it.
    """
    run = subprocess.run([*FULL_DISK, *VIDEO], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    assert run.returncode == 3
    assert "note: The job video_1 cannot be stored in" in run.stderr
    (line,) = (line for line in run.stderr.splitlines() if line.startswith("hint: Keep this command"))
    program_name, *arguments = shlex.split(line.partition("it: ")[2])
    assert program_name == "budwood"
    assert budwood(*arguments, "-q", "-o", "cat.mp4").returncode == 0
    assert (tmp_path / "cat.mp4").read_bytes() == BLOCK
    assert [job.status for job in list_jobs()] == ["succeeded"]
    assert server.count("POST /v1/videos") == 1


def test_a_batch_whose_file_cannot_be_written_is_stored_elsewhere(tmp_path, monkeypatch, capsys):
    """
    The error names the command that fetches its results, and it is not submitted again.
    """
    (tmp_path / "requests.jsonl").write_text('"one"\n')

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with BatchServer(states=("validating", "completed")) as vendor, monkeypatch.context() as patch:
        patch.setenv("BUDWOOD_MODEL", "openai/gpt-4.1-mini")
        patch.setenv("OPENAI_API_KEY", "sk-test")
        patch.setenv("OPENAI_BASE_URL", vendor.url)
        with monkeypatch.context() as full:
            full.setattr(batch_files, "write_job", fail)
            failed = program.run(["batch", "run", "requests.jsonl", "--lane", "batch"]), capsys.readouterr().err
        again = program.run(["batch", "run", "requests.jsonl", "--lane", "batch"]), capsys.readouterr().err
        fetched = program.run(["jobs", "result", "batch_1", "-q"]), capsys.readouterr().out

        assert vendor.count("POST /batches") == 1
    assert failed[0] == 1
    assert "requests.jsonl.job.json cannot be written: No space left on device." in failed[1]
    assert "`budwood jobs result batch_1` fetches its results" in failed[1]
    assert again[0] == 2
    assert "An earlier command ended while the vendor created this batch" in again[1]
    assert (fetched[0], json.loads(fetched[1])["text"]) == (0, "ONE")


def test_several_processes_use_the_store_at_once(started, server):
    """
    Each of them stores its job, and polls all.
    """
    processes = [started("video", "-m", "local/clips", f"Cat {number}", "-o", f"{number}.mp4") for number in range(4)]
    for process in processes:
        process.stdin.close()

    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert sorted((job.prompt, job.status) for job in list_jobs()) == [(f"Cat {n}", "succeeded") for n in range(4)]


def test_an_older_state_does_not_replace_the_last_one(server):
    """
    A process that has asked earlier may write later.
    """
    with Client("local/clips") as client:
        ref = client.submit_video("A cat").ref

    save_job(ref, JobState(id=ref.id, status="succeeded"), "A cat")
    save_job(ref, JobState(id=ref.id, status="running"))

    assert [(job.status, job.prompt) for job in list_jobs()] == [("succeeded", "A cat")]


def test_a_terminal_shows_a_bar(terminal, server, gate, tmp_path):
    """
    It has the state of the job, and is gone at the end.
    """

    def wait_after_first_poll(_number, request):
        if request.line == "GET /v1/videos/video_1" and server.polls:
            gate.wait()

    server.fault = wait_after_first_poll
    command = terminal(*VIDEO)

    command.wait_for("running, 50%")
    gate.set()

    assert command.end() == 0
    assert command.shown.endswith("cat.mp4\r\n")
    assert "━" in command.shown


def test_a_terminal_shows_that_a_video_is_downloaded(terminal, server, gate, tmp_path):
    """
    The bar replaces that of the job.
    """
    server.states = ("completed",)
    hold(server, gate, "GET /v1/videos/video_1/content")
    command = terminal(*VIDEO)

    command.wait_for("downloading")
    gate.set()

    assert command.end() == 0
    assert (tmp_path / "cat.mp4").read_bytes() == BLOCK


def test_errors_are_json_on_request(budwood):
    """
    Standard output stays empty.
    """
    run = budwood("image", "-m", "offline/extractive", "A boat", "-o", "boat.png", "--json")
    usage = budwood("image", "--json")

    error = json.loads(run.stderr)["error"]
    assert (run.returncode, run.stdout) == (1, "")
    assert error["type"] == "UnsupportedError"
    assert "offline/image" in error["hint"]
    assert usage.returncode == 2
    assert "--help" in json.loads(usage.stderr)["error"]["hint"]
    assert json.loads(usage.stderr)["error"]["type"] == "UsageError"


@pytest.mark.parametrize("as_json", [False, True])
def test_an_image_that_cannot_be_downloaded_is_named_by_its_url(budwood, server, tmp_path, as_json):
    """
    The other images are written; the error says where the paid one is, and why.
    """
    rows = [{"b64_json": base64.b64encode(PNG).decode()}, {"url": "http://127.0.0.1:1/x.png"}]
    server.fault = lambda _number, _request: lambda handler: handler.send(200, {"data": rows})

    run = budwood(
        "image", "-m", "local/pic", "A cat", "-n", "2", "-o", tmp_path / "cat.png", *(["--json"] if as_json else [])
    )

    assert run.returncode == 6
    assert "The result could not be downloaded: " in run.stderr
    assert "http://127.0.0.1:1/x.png" in run.stderr
    assert "bug" not in run.stderr
    assert [file.name for file in tmp_path.glob("cat*")] == ["cat-1.png"]
    if as_json:
        written, absent = json.loads(run.stdout)["results"]
        assert written["bytes"] == len(PNG)
        assert (absent["url"], "file" in absent) == ("http://127.0.0.1:1/x.png", False)
        assert "is not fetched" in absent["download_error"]
    else:
        assert run.stdout == "cat-1.png\n"
