from __future__ import annotations

import json
import re
import signal
import sys
import threading

import pytest

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9)\d")

pytestmark = pytest.mark.one_python


@pytest.fixture
def spec(tmp_path):
    """
    A specification of four conversations with the vendor, one after the other.
    """
    path = tmp_path / "spec.toml"
    path.write_text(
        'rows = 4\noutput = "talks.jsonl"\nconcurrency = 1\n'
        '[conversation]\nanswerer = "local/tiny"\n'
        'strategy = { plugin = "seed-list", seeds = ["red?", "green?", "blue?", "black?"] }\n'
    )
    return path


def rows_of(path):
    """
    The rows of an output.
    """
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_dataset_is_made(budwood, vendor, spec, tmp_path):
    """
    The path of the output goes to standard output; progress and the summary go to standard error.
    """
    run = budwood("generate", "spec.toml")

    output = tmp_path / "talks.jsonl"
    assert (run.returncode, run.stdout) == (0, f"{output}\n")
    assert len(rows_of(output)) == len(vendor.requests) == 4
    first, *_, last = run.stderr.splitlines()
    assert first == "0/4 rows, 1 call, 8 tokens, cost unknown, 0 errors" or first.startswith("1/4 rows, ")
    assert last.startswith("4 of 4 rows, 4 calls, 32 tokens, cost unknown, ")


def test_quiet_is_quiet(budwood, vendor, spec):
    """
    With --quiet nothing goes to standard error.
    """
    run = budwood("generate", "spec.toml", "--quiet")

    assert (run.returncode, run.stderr) == (0, "")


def test_the_report_as_json(budwood, vendor, spec, tmp_path):
    """
    With --json standard output is one object.
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
        "input_tokens": 20,
        "output_tokens": 12,
        "cost": None,
        "failures": [],
        "skipped_files": {},
    }


def test_a_dry_run_sends_and_writes_nothing(budwood, vendor, spec, tmp_path):
    """
    The plan is told with the number of calls and the estimated tokens, for people and for programs.
    """
    table = budwood("generate", "spec.toml", "--dry-run").stdout
    plan = json.loads(budwood("generate", "spec.toml", "--dry-run", "--json").stdout)

    assert "calls         4\n" in table
    assert (plan["rows"], plan["turns"], plan["calls"], plan["models"]) == (4, 4, 4, ["local/tiny"])
    assert plan["input_tokens"] > 0
    assert plan["output_tokens"] > 0
    assert "cost          unknown: local/tiny: no price known: it runs on this machine\n" in table
    assert plan["cost"] is None
    assert vendor.requests == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("talks")] == []


def test_a_dry_run_tells_what_the_run_will_cost(budwood, vendor, spec, monkeypatch):
    """
    Where the models' prices are known, here from the settings.
    """
    monkeypatch.setenv("BUDWOOD_MODELS", '{"local/*": {"prices": {"input": "1000000", "output": "0"}}}')

    plan = json.loads(budwood("generate", "spec.toml", "--dry-run", "--json").stdout)

    assert plan["cost"] == f"{plan['input_tokens']}"
    assert plan["cost_unknown"] is None


def test_documents_that_give_nothing_are_named(budwood, vendor, spec, tmp_path):
    """
    Files of other kinds are counted, and documents without a passage are named, in a dry run; a run counts as well.
    """
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in {
        "tea.md": "Tea is a drink.",
        "empty.md": "",
        "a.pdf": "%",
        "b.PDF": "%",
        "Makefile": "all:",
    }.items():
        (docs / name).write_text(text)
    spec.write_text(f'{spec.read_text()}[documents]\npaths = ["docs/*", "docs/*.md"]\n')

    plan = json.loads(budwood("generate", "spec.toml", "--dry-run", "--json").stdout)
    told = budwood("generate", "spec.toml", "--dry-run").stderr
    left_out = "note: skipped 3 files of an unsupported type: 2 .pdf, 1 no suffix\n"

    assert (plan["without_passages"], plan["skipped_files"]) == (["docs/empty.md"], {".pdf": 2, "no suffix": 1})
    assert told == f"note: no passages in docs/empty.md\n{left_out}"
    assert left_out in budwood("generate", "spec.toml").stderr


def test_a_part_that_failed_ends_with_7(budwood, vendor, spec, tmp_path):
    """
    What could be made is written, the failures are told with their reason, and resuming makes up for them.
    """
    vendor.refuses = "blue?"

    run = budwood("generate", "spec.toml", "--json")

    report = json.loads(run.stdout)
    assert (run.returncode, report["complete"], report["rows"]) == (7, False, 3)
    (failure,) = report["failures"]
    assert failure["reason"].startswith("InvalidRequestError: local: HTTP 400: No.")
    assert f"failed: {failure['reason']}\n" in run.stderr
    assert "error: 1 of 4 rows are missing.\nhint: `budwood runs resume " in run.stderr
    assert len(rows_of(tmp_path / "talks.jsonl")) == 3

    vendor.refuses = None
    shown = budwood("runs", "show", "talks.jsonl")
    assert "failed        1\n" in shown.stdout
    assert f"failed: {failure['reason']}\n" in shown.stderr
    assert json.loads(budwood("runs", "show", "talks.jsonl", "--json").stdout)["failures"] == [failure]

    again = budwood("runs", "resume", "talks.jsonl", "--json")
    assert (again.returncode, json.loads(again.stdout)["rows"], len(vendor.requests)) == (0, 4, 5)


def test_what_stops_a_run_keeps_its_own_exit_status(budwood, vendor, spec):
    """
    A refused key stops the whole run with 4; of going on is spoken only where something was finished.
    """
    vendor.status = 401

    run = budwood("generate", "spec.toml")

    assert (run.returncode, run.stdout) == (4, "")
    assert "error: local: " in run.stderr
    assert "budwood runs resume" not in run.stderr


def test_a_specification_that_is_wrong_ends_with_3(budwood, spec):
    """
    The unknown key is named.
    """
    spec.write_text(f"row_count = 5\n{spec.read_text()}")

    run = budwood("generate", "spec.toml")

    assert (run.returncode, run.stdout) == (3, "")
    assert "unknown key 'row_count'" in run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_an_interrupted_run_goes_on(started, budwood, vendor, spec, tmp_path):
    """
    Ctrl-C ends with 130 and prints the command that goes on; that one pays for no finished call again.
    """
    vendor.held, vendor.free = threading.Event(), 2
    process = started("generate", "spec.toml")
    for _ in range(3):
        vendor.arrived.acquire()

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    vendor.held.set()

    assert process.returncode == 130
    assert "Traceback" not in errors.decode()
    (command,) = re.findall(r"^hint: `budwood (.*)` continues the run\.$", errors.decode(), re.MULTILINE)
    assert command == f"runs resume {tmp_path / 'talks.jsonl.run'}"
    shown = json.loads(budwood("runs", "show", "talks.jsonl", "--json").stdout)
    assert (shown["state"], shown["rows_done"], shown["rows"]) == ("unfinished", 2, 4)

    assert budwood(*command.split(" ", 2)).returncode == 0
    assert len(rows_of(tmp_path / "talks.jsonl")) == 4
    assert len(vendor.requests) == 5  # four, and the one that was under way


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_two_interrupts_are_told_as_one(started, vendor, spec):
    """
    Whatever sends a second one while the run ends: there is one message, and no word of asyncio's.
    """
    spec.write_text(spec.read_text().replace("concurrency = 1", "concurrency = 4"))
    vendor.held = threading.Event()
    process = started("generate", "spec.toml", "--quiet")
    for _ in range(4):
        vendor.arrived.acquire()

    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()

    assert process.returncode == 130
    assert [text.partition(" ")[0] for text in errors.decode().splitlines()] == ["stopped:", "hint:"]


def test_runs_are_listed(budwood, vendor, spec, tmp_path):
    """
    A folder's runs are a table or a list of objects; by default those of the current folder.
    """
    budwood("generate", "spec.toml", "--quiet")

    table = budwood("runs", "list").stdout.splitlines()
    (run,) = json.loads(budwood("runs", "list", tmp_path, "--json").stdout)

    assert table[0].split() == ["state", "rows", "calls", "failed", "run", "folder"]
    assert table[1].split()[:4] == ["complete", "4/4", "4", "0"]
    assert (run["state"], run["rows_done"], run["problem"]) == ("complete", 4, None)


def test_a_run_is_shown(budwood, vendor, spec):
    """
    A run is found by its folder and by its output.
    """
    budwood("generate", "spec.toml", "--quiet")

    assert budwood("runs", "show", "talks.jsonl.run").stdout == budwood("runs", "show", "talks.jsonl").stdout
    assert "rows          4 of 4\n" in budwood("runs", "show", "talks.jsonl").stdout


def test_a_damaged_run_is_shown_with_its_problem(budwood, tmp_path):
    """
    A journal that is none is listed and shown, and not a failure of the command.
    """
    folder = tmp_path / "talks.jsonl.run"
    folder.mkdir()
    (folder / "journal.sqlite").write_bytes(b"no database at all" * 100)

    assert budwood("runs", "list").stdout.splitlines()[1].startswith("damaged")
    shown = budwood("runs", "show", folder)
    assert shown.returncode == 0
    assert "problem       " in shown.stdout


@pytest.mark.parametrize("command", ["show", "resume"])
def test_a_run_that_is_not_there_ends_with_3(budwood, command):
    """
    The path is named.
    """
    run = budwood("runs", command, "nothing.jsonl")

    assert run.returncode == 3
    assert "error: There is no run at 'nothing.jsonl'." in run.stderr


@pytest.mark.parametrize("command", [["generate", "spec.toml"], ["runs", "list"], ["runs", "resume", "x"]])
def test_without_the_package_the_cure_is_told(budwood, spec, tmp_path, command):
    """
    Where budwood-generation is not installed, the hint installs it.
    """
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['budwood_generation'] = None\n")

    run = budwood(*command, PYTHONPATH=str(folder))

    assert run.returncode == 3
    assert run.stderr.endswith("pip install ./plugins/generation\n")


def test_progress_is_live_at_a_terminal(terminal, vendor, spec):
    """
    The numbers move while the vendor still works; what remains is the output and the summary.
    """
    vendor.held, vendor.free = threading.Event(), 2
    screen = terminal("generate", "spec.toml", COLUMNS="120")

    screen.wait_for("2/4")
    screen.wait_for(" calls")
    vendor.held.set()

    assert screen.end() == 0
    assert "4 of 4 rows" in screen.shown
    assert COLOUR.search(screen.shown)


def test_nothing_of_the_progress_is_cut_on_a_narrow_terminal(terminal, vendor, spec):
    """
    Eighty columns show all of it, on a second line where need be.
    """
    vendor.held, vendor.free = threading.Event(), 2
    screen = terminal("generate", "spec.toml", COLUMNS="80")

    screen.wait_for("2/4")
    screen.wait_for("errors")
    screen.wait_for("left")
    vendor.held.set()

    assert screen.end() == 0


def test_no_colours_where_none_are_wanted(terminal, vendor, spec):
    """
    NO_COLOR is respected.
    """
    screen = terminal("generate", "spec.toml", NO_COLOR="1")

    assert screen.end() == 0
    assert "4 of 4 rows" in screen.shown
    assert not COLOUR.search(screen.shown)


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(terminal, vendor, spec):
    """
    On a dumb terminal progress is told as it is in a log.
    """
    screen = terminal("generate", "spec.toml", TERM="dumb")

    assert screen.end() == 0
    assert "/4 rows, " in screen.shown
    assert "\x1b" not in screen.shown
