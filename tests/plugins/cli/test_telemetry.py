from __future__ import annotations

import json
import sys

import pytest

from budwood.errors import RateLimitError, ServerError
from tests.plugins.cli.usage_calls import HOUR, Recorder

pytestmark = pytest.mark.one_python


@pytest.fixture
def recorder(tmp_path, monkeypatch):
    """
    Records calls in the store of the settings.
    """
    path = tmp_path / "usage.sqlite3"
    monkeypatch.setenv("BUDWOOD_OBSERVERS", '["usage"]')
    monkeypatch.setenv("BUDWOOD_OBSERVER__USAGE__PATH", str(path))
    recorder = Recorder(path)
    yield recorder
    recorder.close()


@pytest.fixture
def calls(recorder):
    """
    Record three calls.
    """
    recorder.add("gpt-4.1", ago=3 * HOUR, seconds=12.0)
    recorder.add("gpt-5", ago=2 * HOUR, cost=None, error=RateLimitError("secret message"))
    recorder.add("gpt-4.1", ago=HOUR, cached=True, label="nightly", seconds=0.001)


def models(run):
    """
    Return the models of a table.
    """
    return [line.split()[2] for line in run.stdout.splitlines()[1:]]


def test_calls_are_listed_newest_first(budwood, calls):
    """
    Each has its time, model, duration, tokens, cost and result; nothing of its content.
    """
    run = budwood("telemetry", "view")

    assert run.returncode == 0, run.stderr
    assert [line.split()[2:] if number else line.split() for number, line in enumerate(run.stdout.splitlines())] == [
        ["time", "model", "seconds", "tokens", "cost", "result"],
        ["openai/gpt-4.1", "0.00", "0+0", "$0", "cached"],
        ["openai/gpt-5", "1.00", "?+?", "$0+", "RateLimitError"],
        ["openai/gpt-4.1", "12.00", "1,000+20", "$0.25", "ok"],
    ]
    assert run.stdout.splitlines()[1].split()[1].endswith("Z")
    assert "secret" not in run.stdout + run.stderr


def test_shown_time_can_be_used_as_an_option(budwood, calls):
    """
    Times are in UTC in both directions.
    """
    line = budwood("telemetry", "view").stdout.splitlines()[2]

    assert models(budwood("telemetry", "view", "--last", line[:20])) == ["openai/gpt-4.1", "openai/gpt-5"]


def test_tags_are_shown_and_select_calls(budwood, recorder):
    """
    The table has them in a last column if a call has any; JSON always has them.
    """
    recorder.add("gpt-5", tags={"user": "ada"})
    recorder.add("gpt-4.1", tags={"user": "ada", "team": "a b"})
    recorder.add("gpt-4.1-mini")

    lines = budwood("telemetry", "view").stdout.splitlines()
    some = json.loads(budwood("telemetry", "view", "--tag", "user=ada", "--tag", "team=a b", "--json").stdout)

    assert [line.partition(" ok")[2].strip() for line in lines[1:]] == ["", "user=ada team=a b", "user=ada"]
    assert lines[0].split()[-2:] == ["result", "tags"]
    assert [call["tags"] for call in some] == [{"user": "ada", "team": "a b"}]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (("--last", "90m"), 1),
        (("--model", "gpt-4.1"), 2),
        (("--provider", "other"), 0),
        (("--label", "nightly"), 1),
        (("--error", "any"), 1),
        (("--error", "RateLimitError"), 1),
        (("--error", "ServerError"), 0),
        (("--slower-than", "10"), 1),
        (("--limit", "2"), 2),
    ],
)
def test_filters_select_calls(budwood, calls, options, count):
    """
    By time, model, provider, label, error, duration and number.
    """
    assert len(json.loads(budwood("telemetry", "view", "--json", *options).stdout)) == count


def test_json_has_all_fields(budwood, calls):
    """
    Unknown values are null, costs are exact texts, times are seconds since 1970.
    """
    newest, failed, _ = json.loads(budwood("telemetry", "view", "--json").stdout)

    assert (newest["cached"], newest["saved"], newest["label"]) == (True, "0.250000000000", "nightly")
    assert (failed["error"], failed["cost_unknown"], failed["input_tokens"]) == (
        "RateLimitError",
        "no price known",
        None,
    )
    assert failed["time"] < newest["time"]


@pytest.mark.parametrize("options", [("--slower-than", "-1"), ("--limit", "0"), ("--last", "soon")])
def test_wrong_options_are_usage_errors(budwood, options):
    """
    The message names the option.
    """
    run = budwood("telemetry", "view", *options)

    assert run.returncode == 2
    assert options[0] in run.stderr


def test_empty_store_says_so(budwood, recorder):
    """
    A message goes to standard error.
    """
    run = budwood("telemetry", "view")

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "no calls in this time\n")


def test_follow_shows_new_calls_until_ctrl_c(started, interrupt, recorder):
    """
    The calls so far come first, the newest last; each new one follows. Ctrl-C ends it quietly with status 130.
    """
    recorder.add("first", ago=20)
    recorder.add("second", ago=10)
    process = started("telemetry", "view", "--follow")
    lines = [process.stdout.readline().decode().split() for _ in range(3)]
    recorder.add("third", ago=0)
    lines.append(process.stdout.readline().decode().split())

    assert interrupt(process, process.stderr) == b""
    assert process.wait() == 130
    assert [line[2] for line in lines[1:]] == ["openai/first", "openai/second", "openai/third"]
    assert process.stdout.read() == b""


def test_follow_as_json_writes_a_line_for_each_call(started, recorder):
    """
    Each line is an object, without a header; the filters apply to new calls as well.
    """
    recorder.add("first")
    process = started("telemetry", "view", "--follow", "--json", "--model", "first")
    first = json.loads(process.stdout.readline())
    recorder.add("other")
    recorder.add("first", label="again")

    assert (first["model"], json.loads(process.stdout.readline())["label"]) == ("first", "again")


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be renamed on Windows")
def test_follow_survives_a_store_that_cannot_be_read(started, recorder, tmp_path):
    """
    A note says so, and the next calls are shown when it works again.
    """
    recorder.add("first")
    recorder.close()
    process = started("telemetry", "view", "--follow", "--json")
    process.stdout.readline()
    path = tmp_path / "usage.sqlite3"
    path.rename(tmp_path / "moved")
    path.mkdir()
    assert b"Waiting until it works again" in process.stderr.readline()
    path.rmdir()
    tmp_path.joinpath("moved").rename(path)
    recorder.add("second")

    assert json.loads(process.stdout.readline())["model"] == "second"


def test_follow_ends_when_its_reader_does(started, recorder):
    """
    Piped into a program that ends, such as head, it ends with status 0.
    """
    recorder.add()
    process = started("telemetry", "view", "--follow", "--json")
    process.stdout.readline()
    process.stdout.close()
    recorder.add()

    assert process.wait() == 0
    assert process.stderr.read() == b""


def test_narrow_terminal_leaves_columns_out(terminal, calls):
    """
    At 60 columns no line is wrapped.
    """
    run = terminal("telemetry", "view", COLUMNS="60")
    assert run.end() == 0

    assert run.shown.splitlines()[0].split() == ["time", "model", "result"]
    assert max(map(len, run.shown.splitlines())) <= 60


def test_hostile_model_cannot_control_the_terminal(terminal, recorder):
    """
    Control characters and newlines are escaped or removed, also with --follow.
    """
    recorder.add("evil\x1b[2J\nmodel")
    run = terminal("telemetry", "view", "--follow")
    run.wait_for("evil")
    run.wait_for("\r\n")
    run.interrupt()
    run.end()

    assert "\x1b" not in run.shown


SECTION = """
observers = ["usage"]
[observer.usage]
path = "usage.sqlite3"
[providers.openai]
backups = [{ base_url = "https://second.example/v1", label = "west" }]
[[providers.openai.keys]]
secret = "sk-the-first-key"
label = "production"
[[providers.openai.keys]]
secret = "sk-the-second-key"
"""


@pytest.fixture
def failed(recorder, tmp_path, monkeypatch):
    """
    Record errors of endpoints and keys in the settings of a file.
    """
    monkeypatch.delenv("BUDWOOD_OBSERVERS")
    tmp_path.joinpath("budwood.toml").write_text(SECTION, "utf-8")
    recorder.add(key="production", error=ServerError("older"), ago=5 * HOUR)
    recorder.add(key="production", error=RateLimitError("newer"), ago=4 * HOUR)
    recorder.add(key="key-2", endpoint="openai#west", error=KeyboardInterrupt())
    recorder.add(key="key-2", failed=("production", "ServerError"), ago=HOUR)


def test_endpoints_show_their_last_errors(budwood, failed):
    """
    The class and the time of the last error in the store, also if another key answered; an interrupt is none.
    """
    states = json.loads(budwood("endpoints", "--json").stdout)
    table = budwood("endpoints").stdout

    assert [(state["name"], state["last_error"]) for state in states] == [
        ("openai", "ServerError"),
        ("openai#west", None),
    ]
    assert table.splitlines()[0].split()[-2:] == ["last_error", "last_error_at"]
    assert table.splitlines()[1].split()[-1] == states[0]["last_error_at"].split()[-1]


def test_keys_show_their_last_errors(budwood, failed):
    """
    Of each key at each endpoint.
    """
    lines = budwood("keys", "list", "--format", "{endpoint} {label} {last_error}").stdout.splitlines()

    assert lines == [
        "openai production ServerError",
        "openai key-2 ",
        "openai#west production ",
        "openai#west key-2 ",
    ]


def test_store_that_cannot_be_read_hides_no_endpoint(budwood, failed, tmp_path):
    """
    The problem is reported, and the endpoints are listed.
    """
    for file in tmp_path.glob("usage.sqlite3*"):
        file.unlink()
    tmp_path.joinpath("usage.sqlite3").write_text("Not a database. " * 100)
    run = budwood("endpoints")

    assert run.returncode == 0
    assert len(run.stdout.splitlines()) == 3
    assert "the last errors are not known" in run.stderr
