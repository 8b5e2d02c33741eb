"""``budwood batch``, in a separate process."""

from __future__ import annotations

import json

import pytest

from tests.batch_server import BatchServer, expire, succeed

pytestmark = pytest.mark.one_python

LINES = [
    '"one"',
    '{"prompt": "two", "max_tokens": 5}',
    '{"custom_id": "c", "body": {"messages": [{"role": "user", "content": "three"}]}}',
]


@pytest.fixture
def requests(tmp_path, monkeypatch):
    """
    Return a file with requests in all forms, in the current folder.
    """
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "requests.jsonl"
    path.write_text("\n".join(LINES) + "\n")
    return path


@pytest.fixture
def server(monkeypatch):
    """
    Return a vendor whose batches complete at the first poll.
    """
    with BatchServer(states=("validating", "completed")) as running:
        monkeypatch.setenv("BUDWOOD_MODEL", "openai/gpt-4.1-mini")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


def read(text):
    """
    Return the lines of an output.
    """
    return [json.loads(line) for line in text.splitlines()]


def test_run_prints_the_results_in_order(budwood, requests, server):
    """
    One line for each request, with its id if it has one; the file of the job is removed at the end.
    """
    run = budwood("batch", "run", requests, "--lane", "batch", "--quiet")

    assert (run.returncode, run.stderr) == (0, "")
    rows = read(run.stdout)
    assert [(row["index"], row.get("custom_id"), row["text"]) for row in rows] == [
        (0, None, "ONE"),
        (1, None, "TWO"),
        (2, "c", "THREE"),
    ]
    assert server.lines()[1]["body"]["max_tokens"] == 5
    assert not requests.with_name("requests.jsonl.job.json").exists()


def test_submitted_batch_is_continued_by_other_commands(budwood, requests, server, tmp_path):
    """
    Submit, status and results share the file of the job; a second submission is refused.
    """
    submitted = budwood("batch", "submit", requests)
    again = budwood("batch", "submit", requests)
    state = budwood("batch", "status", requests, "--json")
    results = budwood("batch", "results", requests, "-o", "results.jsonl")

    assert submitted.stdout.strip().endswith("requests.jsonl.job.json")
    assert (again.returncode, server.count("POST /batches")) == (2, 1)
    assert json.loads(state.stdout)["status"] == "succeeded"
    assert json.loads(state.stdout)["counts"]["total"] == 3
    assert results.returncode == 0, results.stderr
    assert [row["text"] for row in read((tmp_path / "results.jsonl").read_text())] == ["ONE", "TWO", "THREE"]


def test_interrupted_run_continues(budwood, requests, server):
    """
    A run whose job is stored waits for it, and submits nothing.
    """
    budwood("batch", "submit", requests)
    run = budwood("batch", "run", requests)

    assert [row["text"] for row in read(run.stdout)] == ["ONE", "TWO", "THREE"]
    assert server.count("POST /batches") == 1


@pytest.mark.parametrize("command", [["run", "--lane", "batch"], ["submit"]])
def test_batch_that_the_vendor_may_have_is_not_submitted_again(budwood, requests, server, command):
    """
    Neither a reply nor the list has its id: further commands say so, until the file about it is deleted.
    """
    server.hook = server.lose_batches
    lost = budwood("batch", *command, requests)
    again = budwood("batch", *command, requests)
    count = server.count("POST /batches")
    server.hook = lambda _line, **_is_done: False
    requests.with_name("requests.jsonl.job.json.creating").unlink()

    assert lost.returncode != 0
    assert "may have created the batch" in lost.stderr
    assert (again.returncode, count) == (2, 1)
    assert "delete the file" in again.stderr
    assert budwood("batch", "run", requests, "--lane", "batch").returncode == 0
    assert sorted(path.name for path in requests.parent.glob("requests*")) == ["requests.jsonl"]


def test_rejected_batch_can_be_submitted_again(budwood, requests, server):
    """
    Nothing is left of an attempt that the vendor has rejected.
    """
    server.faults = {"/batches": [400]}

    assert budwood("batch", "submit", requests).returncode != 0
    assert budwood("batch", "run", requests, "--lane", "batch").returncode == 0


def test_failed_requests_are_lines_with_errors(budwood, requests, server):
    """
    The exit status says that a part failed; the other results are there.
    """
    server.handle = lambda line: expire(line) if line["custom_id"].startswith("1-") else succeed(line)

    run = budwood("batch", "run", requests, "--lane", "batch")

    assert run.returncode == 7
    rows = read(run.stdout)
    assert rows[1]["error"]["type"] == "BatchItemError"
    assert (rows[1]["error"]["reason"], rows[1]["error"]["retryable"]) == ("expired", True)
    assert "1 of 3 requests failed" in run.stderr


def test_models_of_lines_are_those_of_the_provider(budwood, requests, server):
    """
    A line in OpenAI's form names a model without a provider; it is one of the default model's provider.
    """
    requests.write_text(json.dumps({"model": "gpt-4.1-nano", "messages": [{"role": "user", "content": "Hi"}]}))

    assert budwood("batch", "run", requests, "--lane", "batch").returncode == 0
    assert server.lines()[0]["body"]["model"] == "gpt-4.1-nano"


def test_cancel(budwood, requests, server):
    """
    The vendor is asked to cancel, and the state is printed.
    """
    budwood("batch", "submit", requests)

    assert budwood("batch", "cancel", requests).stdout.startswith("running")
    assert server.count("POST /batches/batch_1/cancel") == 1


def test_live_lane_needs_no_batches(budwood, requests):
    """
    With ordinary calls, the same results come from any model.
    """
    run = budwood("batch", "run", requests, "-m", "offline/extractive", "--lane", "auto")

    assert run.returncode == 0, run.stderr
    assert len(read(run.stdout)) == 3


@pytest.mark.parametrize(("line", "problem"), [("{", "line 1 is not JSON"), ("7", "not a request"), ("{}", "neither")])
def test_wrong_lines_are_named(budwood, requests, line, problem):
    """
    A line that is no request is a usage error with its number.
    """
    requests.write_text(line)

    run = budwood("batch", "submit", requests, "-m", "offline/extractive")

    assert run.returncode == 2
    assert problem in run.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "."), "is a folder"),
        (("-O", "concurrency", "3"), "-O cannot set concurrency"),
        (("--lane", "batch", "--limit", "1", "--retry-failed"), "--retry-failed, --limit: not with a batch"),
        (("-o", "none/results.jsonl"), "does not exist"),
        (("--lane", "fast"), "is not one of 'auto', 'batch', 'live'"),
    ],
)
def test_unsuitable_arguments_are_errors_before_anything_is_sent(budwood, requests, server, arguments, message):
    """
    No request is paid for whose result cannot be written.
    """
    run = budwood("batch", "run", requests, *arguments)

    assert run.returncode == 2
    assert message in run.stderr
    assert server.count("POST /batches") == 0


def test_a_hyphen_is_standard_output(budwood, requests):
    """
    `-o -` prints the results, and creates no file of this name.
    """
    run = budwood("batch", "run", requests, "-m", "offline/extractive", "-o", "-")

    assert len(read(run.stdout)) == 3
    assert not requests.with_name("-").exists()


def test_a_folder_has_no_requests(budwood):
    """
    It is a usage error.
    """
    run = budwood("batch", "run", ".", "-m", "offline/extractive")

    assert run.returncode == 2
    assert "Is a directory" in run.stderr or "Permission denied" in run.stderr


def test_requests_come_from_a_file_that_has_some(budwood, requests):
    """
    Standard input and an empty file are usage errors that say what to do.
    """
    requests.write_text("\n")

    empty, stdin = budwood("batch", "run", requests), budwood("batch", "run", "-", "--lane", "batch", stdin='"one"\n')

    assert (empty.returncode, stdin.returncode) == (2, 2)
    assert "has no requests" in empty.stderr
    assert "Write the requests to a file first" in stdin.stderr


@pytest.mark.parametrize(
    "content", ["{", "{}", '{"kind": "batch", "provider": "openai", "model": "m", "id": "b", "created": 0}']
)
def test_damaged_job_file_is_named(budwood, requests, server, content):
    """
    The error does not advise to delete what may be the only trace of a paid batch.
    """
    requests.with_name("requests.jsonl.job.json").write_text(content)

    run = budwood("batch", "status", requests)

    assert run.returncode == 2
    assert "requests.jsonl.job.json is damaged" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("run", "lost.jsonl"), "Pass a file with requests, one a line, or - for standard input."),
        (("run", "."), "Pass a file with requests, one a line, or - for standard input."),
        (("results", "lost.jsonl"), "Pass the file with the requests, or FILE.job.json."),
    ],
)
def test_hints_fit_a_file_that_is_not_there(budwood, requests, arguments, hint):
    """
    They neither describe the lines of a file, nor advise to submit one that does not exist.
    """
    run = budwood("batch", *arguments)

    assert run.returncode == 2
    assert run.stderr.endswith(f"\nhint: {hint}\n")
