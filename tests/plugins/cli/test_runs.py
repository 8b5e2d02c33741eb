from __future__ import annotations

import json
import os
import signal
import sys
import threading

import pytest

from budwood_cli.run_exports import FORMATS
from budwood_generation import export_formats

pytestmark = pytest.mark.one_python


@pytest.fixture
def run(budwood, vendor, spec):
    """
    A finished run.
    """
    assert budwood("generate", "spec.toml", "--quiet").returncode == 0


def test_a_run_is_exported(budwood, run, tmp_path):
    """
    The paths of the files go to standard output, and a summary to standard error.
    """
    done = budwood("runs", "export", "talks.jsonl", "--to", "openai", "--split", "0.5")

    assert done.returncode == 0
    assert done.stdout == "talks.openai.train.jsonl\ntalks.openai.validation.jsonl\n"
    assert done.stderr.startswith("4 of 4 rows (")
    assert "note: OpenAI needs at least 10 examples" in done.stderr
    lines = [line for name in done.stdout.split() for line in (tmp_path / name).read_text().splitlines()]
    assert {json.loads(line)["messages"][0]["content"] for line in lines} == {"red?", "green?", "blue?", "black?"}


def test_the_report_of_an_export_as_json(budwood, run, tmp_path):
    """
    With --json, standard output is one object. --quiet leaves standard error empty.
    """
    done = budwood("runs", "export", "talks.jsonl", "--to", "csv", "-o", "x.csv", "--json", "--quiet")

    report = json.loads(done.stdout)
    assert done.stderr == ""
    assert (report["format"], report["rows"], report["rows_planned"]) == ("csv", {"train": 4}, 4)
    assert report["files"] == ["x.csv"]


def test_an_export_replaces_a_file_only_with_force(budwood, run):
    """
    The error says so, and ends with 3.
    """
    assert budwood("runs", "export", "talks.jsonl", "--to", "csv").returncode == 0

    again = budwood("runs", "export", "talks.jsonl", "--to", "csv")

    assert again.returncode == 3
    assert "--force" in again.stderr
    assert budwood("runs", "export", "talks.jsonl", "--to", "csv", "--force").returncode == 0


def test_an_export_can_go_to_standard_output(budwood, run):
    """
    For a pipe: nothing else is printed there. A report cannot go there too, and a folder neither.
    """
    done = budwood("runs", "export", "talks.jsonl", "--to", "openai", "-o", "-")
    as_json = budwood("runs", "export", "talks.jsonl", "--to", "openai", "-o", "-", "--json")
    folder = budwood("runs", "export", "talks.jsonl", "--to", "llama-factory", "-o", "-")

    assert done.returncode == 0
    assert [list(json.loads(line)) for line in done.stdout.splitlines()] == [["messages"]] * 4
    assert done.stderr.startswith("4 of 4 rows\n")
    assert (as_json.returncode, folder.returncode) == (2, 3)
    assert as_json.stdout == folder.stdout == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("run")
def test_a_stopped_export_leaves_no_part_of_a_file(started, tmp_path, number):
    """
    Here it waits for the reader of a pipe, while the other file is open.
    """
    os.mkfifo(tmp_path / "x.validation.jsonl")

    process = started("runs", "export", "talks.jsonl", "--to", "openai", "-o", "x.jsonl", "--split", "0.5")
    while not list(tmp_path.glob(".x.train.jsonl.*.part")):
        assert process.poll() is None
    process.send_signal(number)

    assert process.wait() == (130 if number == signal.SIGINT else 143)
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.usefixtures("run")
def test_an_export_is_not_printed_to_a_terminal(terminal):
    """
    The text of a model could control it.
    """
    screen = terminal("runs", "export", "talks.jsonl", "--to", "openai", "-o", "-")

    assert screen.end() == 2
    assert "Redirect it to a file or a pipe." in screen.shown


def test_the_help_lists_all_formats():
    """
    It does not import the package for datasets, so it has a list of its own.
    """
    assert list(FORMATS) == [found.name for found in export_formats()]


def test_rows_of_a_run_under_way_are_shown(started, budwood, vendor, spec):
    """
    With --rows, the first finished rows follow, whatever the process that runs it does.
    """
    vendor.gate, vendor.free = threading.Event(), 2
    started("generate", "spec.toml", "--quiet")
    for _ in range(3):
        vendor.arrived.acquire()

    shown = budwood("runs", "show", "talks.jsonl", "--rows", "5").stdout
    found = json.loads(budwood("runs", "show", "talks.jsonl", "--rows", "1", "--json").stdout)

    assert "state         running\n" in shown
    assert shown.count("assistant: Hello there.\n") == 2
    assert "\nrow 0\nuser: " in shown
    assert len(found["row_data"]) == 1
    assert found["row_data"][0]["messages"][1] == {"role": "assistant", "content": "Hello there."}


def test_lists_fit_60_columns(budwood, run):
    """
    Paths are relative to the current folder.
    """
    for command in (["list"], ["show", "talks.jsonl"]):
        lines = budwood("runs", *command).stdout.splitlines()
        assert max(map(len, lines)) <= 60
        assert any(line.endswith("talks.jsonl.run") for line in lines)


def test_the_cost_of_a_run_is_shown(budwood, vendor, spec, monkeypatch):
    """
    It covers all calls of all sessions.
    """
    monkeypatch.setenv("BUDWOOD_MODELS", '{"local/*": {"prices": {"input": "1000000", "output": "0"}}}')
    budwood("generate", "spec.toml", "--quiet")
    budwood("runs", "resume", "talks.jsonl", "--quiet")

    shown = budwood("runs", "show", "talks.jsonl").stdout
    found = json.loads(budwood("runs", "show", "talks.jsonl", "--json").stdout)

    assert "usage         4 calls, 32 tokens, $20.0000\n" in shown
    assert (found["calls"], found["input_tokens"], found["cost"]) == (4, 20, "20")


def test_only_rows_with_one_error_are_retried(budwood, vendor, spec):
    """
    An unknown error is refused with those that occurred.
    """
    vendor.rejected_text = "blue?"
    assert budwood("generate", "spec.toml", "--quiet").returncode == 7
    vendor.rejected_text = None
    before = len(vendor.requests)

    other = budwood("runs", "retry", "talks.jsonl", "--only", "RateLimitError")
    done = budwood("runs", "retry", "talks.jsonl", "--only", "InvalidRequestError")

    assert other.returncode == 3
    assert "hint: Rows failed with InvalidRequestError." in other.stderr
    assert done.returncode == 0
    assert vendor.prompts[before:] == ["blue?"]


def test_two_runs_are_compared(budwood, vendor, run, spec):
    """
    Keys of the specifications, and rows by number.
    """
    vendor.words = ["Bye."]
    assert budwood("generate", "spec.toml", "--set", "seed=1", "-o", "other.jsonl", "--quiet").returncode == 0

    same = budwood("runs", "diff", "talks.jsonl", "talks.jsonl").stdout
    text = budwood("runs", "diff", "talks.jsonl", "other.jsonl").stdout
    found = json.loads(budwood("runs", "diff", "talks.jsonl", "other.jsonl", "--json").stdout)

    assert same.startswith("rows equal       4\nrows changed     0\n")
    assert "seed\n- 0\n+ 1\n" in text
    assert "rows changed     4: 0, 1, 2, 3\n" in text
    assert {"key": "seed", "first": 0, "second": 1} in found["keys"]
    assert (found["rows_equal"], found["rows_changed"]) == (0, [0, 1, 2, 3])


def test_a_run_is_removed_only_on_request(budwood, run, tmp_path):
    """
    Without a terminal to ask at, --yes is needed. The output stays, and the next run would refuse it.
    """
    refused = budwood("runs", "rm", "talks.jsonl")

    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (2, "hint: Pass --yes.")
    assert (tmp_path / "talks.jsonl.run").is_dir()
    assert budwood("runs", "rm", "talks.jsonl", "--yes").stderr.splitlines() == [
        "removed talks.jsonl.run",
        "talks.jsonl stays; before a new run with this output, move or delete it",
    ]
    assert not (tmp_path / "talks.jsonl.run").exists()
    assert (tmp_path / "talks.jsonl").is_file()


@pytest.mark.parametrize(("answer", "status", "is_left"), [("y\n", 0, False), ("n\n", 2, True), ("\n", 2, True)])
@pytest.mark.usefixtures("run")
def test_removing_a_run_asks(terminal, tmp_path, answer, status, is_left):
    """
    Anything but yes leaves it.
    """
    screen = terminal("runs", "rm", "talks.jsonl")

    screen.wait_for("[y/N] ")
    screen.type(answer)

    assert screen.end() == status
    assert (tmp_path / "talks.jsonl.run").exists() is is_left


def test_a_run_under_way_is_not_removed(started, budwood, vendor, spec, tmp_path):
    """
    The error says that another process runs it.
    """
    vendor.gate = threading.Event()
    started("generate", "spec.toml", "--quiet")
    vendor.arrived.acquire()

    refused = budwood("runs", "rm", "talks.jsonl", "--yes")

    assert refused.returncode == 1
    assert "error: Another process is running talks.jsonl.run." in refused.stderr
    assert (tmp_path / "talks.jsonl.run" / "journal.sqlite").is_file()


@pytest.mark.parametrize(
    "command", [["export", "x", "--to", "csv"], ["retry", "x", "--only", "E"], ["diff", "x", "x"], ["rm", "x", "--yes"]]
)
def test_a_missing_run_ends_with_3(budwood, command):
    """
    The error names the path.
    """
    done = budwood("runs", *command)

    assert done.returncode == 3
    assert "error: There is no run at 'x'." in done.stderr
