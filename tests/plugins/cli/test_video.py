"""``budwood video``, in a separate process."""

from __future__ import annotations

import json

import pytest

from tests.media_server import BLOCK

VIDEO = ("video", "-m", "local/clips", "A cat")

pytestmark = pytest.mark.one_python


def test_a_video_is_written_and_named(budwood, server, tmp_path):
    """
    The states of the job go to standard error, the name of the file to standard output.
    """
    run = budwood(*VIDEO, "-o", "cat.mp4", "--size", "1280x720", "--seconds", "4")

    assert (run.returncode, run.stdout) == (0, "cat.mp4\n")
    assert (tmp_path / "cat.mp4").read_bytes() == BLOCK
    assert run.stderr.splitlines()[0] == "running, 50%"
    assert run.stderr.splitlines()[-1] == "succeeded"


def test_json_describes_the_video(budwood, server, tmp_path):
    """
    With --json, only the result is printed, without its content.
    """
    run = budwood(*VIDEO, "-o", "cat.mp4", "--json")

    (result,) = json.loads(run.stdout)["results"]
    assert (result["file"], result["bytes"], result["media_type"]) == ("cat.mp4", len(BLOCK), "video/mp4")
    assert run.stderr == ""


def test_the_job_is_stored(budwood, server):
    """
    `budwood jobs` lists the job with its last status.
    """
    budwood(*VIDEO, "-o", "cat.mp4", "-q")

    (job,) = json.loads(budwood("jobs", "list", "--json").stdout)
    assert (job["kind"], job["model"], job["status"], job["prompt"]) == ("video", "clips", "succeeded", "A cat")


def test_an_interrupt_says_how_to_continue(started, interrupt, server):
    """
    The job goes on, and another command fetches its result.
    """
    server.states = ("queued",)
    process = started(*VIDEO, "-o", "cat.mp4")
    process.stdin.close()
    process.stderr.readline()

    assert b"`budwood jobs result video_1` waits for it again" in interrupt(process, process.stderr)
    assert process.wait() == 130


def test_a_job_that_failed_writes_nothing(budwood, server, tmp_path):
    """
    The error has the vendor's reason, and an old file is unchanged.
    """
    (tmp_path / "cat.mp4").write_bytes(b"old")
    server.states, server.error = ("queued", "failed"), {"code": "moderation_blocked", "message": "Not that."}

    run = budwood(*VIDEO, "-o", "cat.mp4", "-q", "--force")

    assert run.returncode == 6
    assert "Not that." in run.stderr
    assert (tmp_path / "cat.mp4").read_bytes() == b"old"


def test_a_model_without_videos_is_an_error(budwood):
    """
    Nothing is submitted.
    """
    run = budwood("video", "-m", "offline/image", "A cat", "-o", "cat.mp4")

    assert run.returncode == 1
    assert "does not generate videos" in run.stderr
    assert budwood("jobs", "list").stdout == ""


def test_a_video_needs_no_network(budwood, tmp_path):
    """
    The offline provider shows the prompt; the stored job gives the same video again.
    """
    run = budwood("video", "-m", "offline/video", "A cat", "-o", "cat.mp4", "--seconds", "2")
    (job,) = json.loads(budwood("jobs", "list", "--json").stdout)
    budwood("jobs", "result", job["id"], "-o", "again.mp4")

    assert (run.returncode, run.stdout, run.stderr) == (0, "cat.mp4\n", "")
    content = (tmp_path / "cat.mp4").read_bytes()
    assert content[4:8] == b"ftyp"
    assert (tmp_path / "again.mp4").read_bytes() == content
