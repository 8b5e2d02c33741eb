"""``budwood jobs``, in a separate process."""

from __future__ import annotations

import json

import pytest

from budwood import Client, JobCounts, JobState
from budwood_cli.job_progress import SECONDS_BETWEEN_LINES, as_step, describe_state
from budwood_cli.job_store import KEPT_SECONDS, find_job, list_jobs, save_job
from budwood_cli.progress_display import StepLines
from tests.media_server import BLOCK

pytestmark = pytest.mark.one_python


@pytest.fixture
def job(server):
    """
    A job for a video in the store.
    """
    with Client("local/clips") as client:
        submitted = client.submit_video("A cat\nthat sleeps.")
        save_job(submitted.ref, submitted.state, "A cat\nthat sleeps.")
        yield submitted


def test_jobs_are_listed_with_their_prompts(budwood, job):
    """
    Nothing is sent.
    """
    shown = budwood("jobs", "list")
    listed = json.loads(budwood("jobs", "list", "--json").stdout)

    assert "video_1" in shown.stdout
    assert "A cat that sleeps." in shown.stdout
    assert [(row["id"], row["kind"], row["status"]) for row in listed] == [("video_1", "video", "queued")]


def test_state_of_a_job_is_shown_and_stored(budwood, job, server):
    """
    The beginning of the id suffices.
    """
    run = budwood("jobs", "show", "video_", "--json")

    assert json.loads(run.stdout)["status"] == "running"
    assert list_jobs()[0].status == "running"
    assert list_jobs()[0].prompt == "A cat that sleeps."
    assert server.count("GET /v1/videos/video_1") == 1


def test_wait_notes_progress_on_standard_error(budwood, job):
    """
    Standard output has the last status.
    """
    run = budwood("jobs", "wait", "video_1")

    assert (run.returncode, run.stdout) == (0, "succeeded\n")
    assert run.stderr == "running, 50%\nsucceeded\n"


def test_timeout_says_how_to_continue(budwood, job, server):
    """
    The hints name commands, not methods.
    """
    server.states = ("queued",)

    run = budwood("jobs", "wait", "video_1", "--timeout", "0", "-q")

    assert run.returncode == 6
    assert "`budwood jobs result video_1` waits for it again" in run.stderr
    assert "client." not in run.stderr


def test_result_of_a_video_is_a_file(budwood, job, tmp_path):
    """
    Its path is printed; by default it is named after the job.
    """
    run = budwood("jobs", "result", "video_1", "-q")
    again = budwood("jobs", "result", "video_1", "--json", "-q", "-o", tmp_path / "cat.mp4")

    assert (run.returncode, run.stdout, run.stderr) == (0, "video_1.mp4\n", "")
    assert (tmp_path / "video_1.mp4").read_bytes() == (tmp_path / "cat.mp4").read_bytes() == BLOCK
    (result,) = json.loads(again.stdout)["results"]
    assert result["file"] == str(tmp_path / "cat.mp4")


def test_result_of_a_reply_is_its_text(budwood, server):
    """
    It is printed like that of ask.
    """
    with Client("local/clips") as client:
        save_job(client.submit("Think.").ref, None, "Think.")

    assert budwood("jobs", "result", "resp_1", "-q").stdout == "It is done.\n"


def test_output_of_a_result_is_checked_before_waiting(budwood, job, server):
    """
    A folder is refused before the vendor is asked; a hyphen is standard output.
    """
    refused = budwood("jobs", "result", "video_1", "-q", "-o", ".")
    asked = server.count("GET /v1/videos/video_1")
    printed = budwood("jobs", "result", "video_1", "-q", "-o", "-")

    assert (refused.returncode, asked) == (2, 0)
    assert "is a folder" in refused.stderr
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout


def test_result_without_waiting_needs_an_ended_job(budwood, job):
    """
    The error says how to wait.
    """
    run = budwood("jobs", "result", "video_1", "--no-wait")

    assert run.returncode == 2
    assert "has not ended" in run.stderr


def test_job_is_cancelled(budwood, server):
    """
    Its status is printed.
    """
    with Client("local/clips") as client:
        save_job(client.submit("Think.").ref, None, "Think.")

    assert budwood("jobs", "cancel", "resp_1").stdout == "cancelled\n"


def test_failed_job_is_an_error_of_the_vendor(budwood, job, server):
    """
    It has the vendor's reason.
    """
    server.states, server.error = ("queued", "failed"), {"code": "moderation_blocked", "message": "Not that."}

    run = budwood("jobs", "result", "video_1", "-q")

    assert run.returncode == 6
    assert "Not that." in run.stderr


def test_interrupt_says_how_to_continue(started, interrupt, job, server):
    """
    The job goes on.
    """
    server.states = ("queued",)
    process = started("jobs", "wait", "video_1")
    process.stderr.readline()

    assert b"`budwood jobs result video_1` waits for it again" in interrupt(process, process.stderr)
    assert process.wait() == 130


@pytest.mark.parametrize("name", ["", "other"])
def test_unknown_job_is_a_usage_error(budwood, job, name):
    """
    The hint names the list.
    """
    run = budwood("jobs", "show", name)

    assert run.returncode == 2
    assert "budwood jobs list" in run.stderr


def test_old_jobs_are_deleted(job, monkeypatch):
    """
    Those that have ended are, some time after they were last seen.
    """
    other = job.ref.model_copy(update={"id": "files/2"})
    job.ref, job.state = other, JobState(id="files/2", status="failed")
    save_job(job.ref, job.state, "Old.")
    assert find_job("files/2").is_ended

    monkeypatch.setattr("budwood_cli.job_store.KEPT_SECONDS", -KEPT_SECONDS)
    assert [saved.ref.id for saved in list_jobs()] == ["video_1"]


def test_progress_is_noted_when_it_changes():
    """
    Otherwise it is every 30 s.
    """
    lines, now = [], [0.0]
    show = StepLines(SECONDS_BETWEEN_LINES, lines.append, lambda: now[0])

    for seconds in (0, 10, 29, 31):
        now[0] = seconds
        show(as_step(JobState(id="1", status="running", progress=seconds / 100)))

    assert lines == ["running, 0%", "running, 31%"]


def test_state_of_a_batch_has_counts():
    """
    An error is the last detail.
    """
    state = JobState(id="1", status="failed", counts=JobCounts(total=1200, failed=3), error="It broke.")

    assert describe_state(state) == "failed, 1,200 total, 3 failed, It broke."
