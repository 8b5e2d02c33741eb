from __future__ import annotations

import json
import re
import signal
import sys
import threading

import pytest

from tests.datasets import read_rows

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9)\d")

pytestmark = pytest.mark.one_python


def test_a_dataset_is_created(budwood, vendor, spec, tmp_path):
    """
    The path of the output goes to standard output, and progress and summary to standard error.
    """
    run = budwood("generate", "spec.toml")

    output = tmp_path / "talks.jsonl"
    assert (run.returncode, run.stdout) == (0, "talks.jsonl\n")
    assert len(read_rows(output)) == len(vendor.requests) == 4
    first, *_, last = run.stderr.splitlines()
    assert first == "0/4 rows, 1 call, 8 tokens, cost unknown, 0 errors" or first.startswith("1/4 rows, ")
    assert last.startswith("4 of 4 rows, 4 calls, 32 tokens, cost unknown, ")


def test_quiet_is_quiet(budwood, vendor, spec):
    """
    With --quiet, standard error is empty.
    """
    run = budwood("generate", "spec.toml", "--quiet")

    assert (run.returncode, run.stderr) == (0, "")


def test_the_report_as_json(budwood, vendor, spec, tmp_path):
    """
    With --json, standard output is one object.
    """
    report = json.loads(budwood("generate", "spec.toml", "--json").stdout)

    assert report.pop("seconds") > 0
    assert report == {
        "output": str(tmp_path / "talks.jsonl"),
        "run_folder": str(tmp_path / "talks.jsonl.run"),
        "complete": True,
        "rows": 4,
        "rows_requested": 4,
        "rows_reused": 0,
        "calls": 4,
        "rejected": 0,
        "input_tokens": 20,
        "output_tokens": 12,
        "cost": None,
        "total_calls": 4,
        "total_cost": None,
        "failures": [],
        "unreadable": [],
        "skipped_files": {},
        "notes": [],
    }


def test_a_dry_run_sends_and_writes_nothing(budwood, vendor, spec, tmp_path):
    """
    The plan has the number of calls and the estimated tokens, as text and as JSON.
    """
    table = budwood("generate", "spec.toml", "--dry-run").stdout
    plan = json.loads(budwood("generate", "spec.toml", "--dry-run", "--json").stdout)

    assert "calls         4\n" in table
    assert (plan["rows"], plan["turns"], plan["calls"], plan["models"]) == (4, 4, 4, ["local/tiny"])
    assert plan["input_tokens"] > 0
    assert plan["output_tokens"] > 0
    assert "cost          unknown: no price known, because it runs on this machine (local/tiny)\n" in table
    assert plan["cost"] is None
    assert vendor.requests == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("talks")] == []


def test_a_dry_run_looks_at_the_earlier_run(budwood, vendor, spec):
    """
    It says how many rows are finished, or why the plan would be refused, before anything is paid.
    """
    budwood("generate", "spec.toml", "--quiet")

    more = budwood("generate", "spec.toml", "--dry-run", "--set", "rows=6")
    other = json.loads(budwood("generate", "spec.toml", "--dry-run", "--json", "--set", "seed=5").stdout)

    assert "note: finished rows, which are not created again: 4\n" in more.stderr
    assert (more.returncode, other["rows_finished"]) == (0, None)
    assert "belongs to another run, which differs in: seed (0 → 5)" in other["problem"]


def test_a_dry_run_estimates_the_cost(budwood, vendor, spec, monkeypatch):
    """
    The prices come from the settings.
    """
    monkeypatch.setenv("BUDWOOD_MODELS", '{"local/*": {"prices": {"input": "1000000", "output": "0"}}}')

    plan = json.loads(budwood("generate", "spec.toml", "--dry-run", "--json").stdout)

    assert plan["cost"] == f"{plan['input_tokens']}"
    assert plan["cost_unknown"] is None


def test_unusable_documents_are_reported(budwood, vendor, spec, tmp_path):
    """
    A dry run names documents without a passage and documents that cannot be read, and counts other files.
    """
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in {
        "tea.md": "Tea is a drink.",
        "empty.md": "",
        "a.png": "%",
        "b.PNG": "%",
        "binary.txt": "\0",
        "Makefile": "all:",
    }.items():
        (docs / name).write_text(text)
    spec.write_text(f'{spec.read_text()}[documents]\npaths = ["docs/*", "docs/*.md"]\n')

    plan = json.loads(budwood("generate", "spec.toml", "--dry-run", "--json").stdout)
    output = budwood("generate", "spec.toml", "--dry-run").stderr
    reason = "The document 'docs/binary.txt' is binary: byte 0 is NUL."
    hint = "Exclude it. If it is text in UTF-16, save it as UTF-8."
    left_out = f"note: {reason} {hint}\nnote: skipped 3 files of an unsupported type: 2 .png, 1 no suffix\n"

    assert (plan["without_passages"], plan["skipped_files"]) == (["docs/empty.md"], {".png": 2, "no suffix": 1})
    assert plan["unreadable"] == [{"name": "docs/binary.txt", "reason": reason, "hint": hint}]
    assert output == f"note: no passages in docs/empty.md\n{left_out}note: up to 4 rows share a passage.\n"
    assert left_out in budwood("generate", "spec.toml").stderr


def test_failed_rows_end_with_7(budwood, vendor, spec, tmp_path):
    """
    The other rows are written, the failures are listed with their reasons, and resuming completes the run.
    """
    vendor.rejected_text = "blue?"

    run = budwood("generate", "spec.toml", "--json")

    report = json.loads(run.stdout)
    assert (run.returncode, report["complete"], report["rows"]) == (7, False, 3)
    (failure,) = report["failures"]
    assert failure["reason"].startswith("InvalidRequestError: local: HTTP 400: No.")
    assert f"failed: {failure['reason']}\n" in run.stderr
    error = json.loads(run.stderr.splitlines()[-1])["error"]
    assert error["message"] == "1 of 4 rows is missing."
    assert error["hint"].startswith("`budwood runs resume ")
    assert len(read_rows(tmp_path / "talks.jsonl")) == 3

    vendor.rejected_text = None
    shown = budwood("runs", "show", "talks.jsonl")
    assert "failed        1\n" in shown.stdout
    assert f"failed: {failure['reason']}\n" in shown.stderr
    assert json.loads(budwood("runs", "show", "talks.jsonl", "--json").stdout)["failures"] == [failure]

    again = budwood("runs", "resume", "talks.jsonl", "--json")
    assert (again.returncode, json.loads(again.stdout)["rows"], len(vendor.requests)) == (0, 4, 5)


def test_an_error_that_stops_a_run_has_its_own_status(budwood, vendor, spec):
    """
    A rejected key ends with 4. The resume hint is printed only if there is finished work.
    """
    vendor.status = 401

    run = budwood("generate", "spec.toml")

    assert (run.returncode, run.stdout) == (4, "")
    assert "error: local: " in run.stderr
    assert "budwood runs resume" not in run.stderr


def test_an_invalid_specification_ends_with_3(budwood, spec):
    """
    The error names the unknown key.
    """
    spec.write_text(f"row_count = 5\n{spec.read_text()}")

    run = budwood("generate", "spec.toml")

    assert (run.returncode, run.stdout) == (3, "")
    assert "unknown key 'row_count'" in run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_an_interrupted_run_can_be_resumed(started, budwood, vendor, spec, tmp_path):
    """
    Ctrl-C ends with 130 and prints the resume command, which repeats no finished call.
    """
    vendor.gate, vendor.free = threading.Event(), 2
    process = started("generate", "spec.toml")
    for _ in range(3):
        vendor.arrived.acquire()

    process.send_signal(signal.SIGINT)
    lines = iter(process.stderr.readline, b"")
    assert any(b"stopping after the calls in flight" in line for line in lines)
    vendor.gate.set()
    _, errors = process.communicate()

    assert process.returncode == 130
    assert "Traceback" not in errors.decode()
    (command,) = re.findall(r"^hint: `budwood (.*)` continues the run\.$", errors.decode(), re.MULTILINE)
    assert command == "runs resume talks.jsonl.run"
    shown = json.loads(budwood("runs", "show", "talks.jsonl", "--json").stdout)
    assert (shown["state"], shown["rows_done"], shown["rows"]) == ("unfinished", 3, 4)

    assert budwood(*command.split(" ", 2)).returncode == 0
    assert len(read_rows(tmp_path / "talks.jsonl")) == 4
    assert len(vendor.requests) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_two_interrupts_print_one_message(started, vendor, spec):
    """
    A second signal during shutdown prints no further message, and no text of asyncio.
    """
    spec.write_text(spec.read_text().replace("concurrency = 1", "concurrency = 4"))
    vendor.gate = threading.Event()
    process = started("generate", "spec.toml", "--quiet")
    for _ in range(4):
        vendor.arrived.acquire()

    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    vendor.gate.set()
    _, errors = process.communicate()

    assert process.returncode == 130
    assert [text.partition(" ")[0] for text in errors.decode().splitlines()] == ["stopped:", "hint:"]


def test_runs_are_listed(budwood, vendor, spec, tmp_path):
    """
    The runs in a folder are printed as a table or as JSON. The default is the current folder.
    """
    budwood("generate", "spec.toml", "--quiet")

    table = budwood("runs", "list").stdout.splitlines()
    (run,) = json.loads(budwood("runs", "list", tmp_path, "--json").stdout)

    assert table[0].split() == ["state", "rows", "failed", "run"]
    assert table[1].split() == ["complete", "4/4", "0", "talks.jsonl.run"]
    assert (run["state"], run["rows_done"], run["problem"]) == ("complete", 4, None)


def test_a_run_is_shown(budwood, vendor, spec):
    """
    A run can be named by its folder or by its output.
    """
    budwood("generate", "spec.toml", "--quiet")

    assert budwood("runs", "show", "talks.jsonl.run").stdout == budwood("runs", "show", "talks.jsonl").stdout
    assert "rows          4 of 4\n" in budwood("runs", "show", "talks.jsonl").stdout


def test_a_damaged_run_is_shown_with_its_problem(budwood, tmp_path):
    """
    An invalid journal is listed and shown. It is not an error of the command.
    """
    folder = tmp_path / "talks.jsonl.run"
    folder.mkdir()
    (folder / "journal.sqlite").write_bytes(b"no database at all" * 100)

    assert budwood("runs", "list").stdout.splitlines()[1].split() == ["damaged", "-", "-", "talks.jsonl.run"]
    shown = budwood("runs", "show", folder)
    assert shown.returncode == 0
    assert [line.partition("  ")[0] for line in shown.stdout.splitlines()] == [
        *("state", "output", "run folder", "problem")
    ]


def test_a_folder_without_runs_says_so(budwood):
    """
    On standard error: the list is empty.
    """
    text, as_json = budwood("runs", "list"), budwood("runs", "list", "--json")

    assert (text.returncode, text.stdout, text.stderr) == (
        0,
        "",
        "No run of `budwood generate` is in the current folder.\n",
    )
    assert (as_json.returncode, as_json.stdout, as_json.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize("command", ["show", "resume"])
def test_a_missing_run_ends_with_3(budwood, command):
    """
    The error names the path.
    """
    run = budwood("runs", command, "nothing.jsonl")

    assert run.returncode == 3
    assert "error: There is no run at 'nothing.jsonl'." in run.stderr


@pytest.mark.parametrize("command", [["generate", "spec.toml"], ["runs", "list"], ["runs", "resume", "x"]])
def test_a_missing_package_is_explained(budwood, spec, tmp_path, command):
    """
    If budwood-generation is not installed, the hint says how to install it.
    """
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['budwood_generation'] = None\n")

    run = budwood(*command, PYTHONPATH=str(folder))

    assert run.returncode == 3
    assert run.stderr.endswith("pip install ./plugins/generation\n")


def test_progress_is_live_at_a_terminal(terminal, vendor, spec):
    """
    The bar is updated during the run. Only the output and the summary remain.
    """
    vendor.gate, vendor.free = threading.Event(), 2
    screen = terminal("generate", "spec.toml", COLUMNS="120", NO_COLOR="")

    screen.wait_for("2/4")
    screen.wait_for(" calls")
    vendor.gate.set()

    assert screen.end() == 0
    assert "4 of 4 rows" in screen.shown
    assert COLOUR.search(screen.shown)


def test_progress_fits_a_narrow_terminal(terminal, vendor, spec):
    """
    At 80 columns all values are visible, on a second line if necessary.
    """
    vendor.gate, vendor.free = threading.Event(), 2
    screen = terminal("generate", "spec.toml", COLUMNS="80")

    screen.wait_for("2/4")
    screen.wait_for("errors")
    screen.wait_for("left")
    vendor.gate.set()

    assert screen.end() == 0


def test_no_color_is_respected(terminal, vendor, spec):
    """
    With NO_COLOR, progress has no color.
    """
    screen = terminal("generate", "spec.toml", NO_COLOR="1")

    assert screen.end() == 0
    assert "4 of 4 rows" in screen.shown
    assert not COLOUR.search(screen.shown)


def test_a_dumb_terminal_gets_lines(terminal, vendor, spec):
    """
    Progress is printed as in a log.
    """
    screen = terminal("generate", "spec.toml", TERM="dumb")

    assert screen.end() == 0
    assert "/4 rows, " in screen.shown
    assert "\x1b" not in screen.shown
