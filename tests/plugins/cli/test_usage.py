from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from types import SimpleNamespace

import pytest

from budwood.errors import RateLimitError
from budwood_cli.terminal import format_dollars
from budwood_cli.usage import _format_cost
from tests.plugins.cli.usage_calls import HOUR, Recorder

pytestmark = pytest.mark.one_python


@pytest.fixture
def path(tmp_path, monkeypatch):
    """
    The path of the store in the settings, which list the observer.
    """
    path = tmp_path / "usage.sqlite3"
    monkeypatch.setenv("BUDWOOD_OBSERVERS", '["usage"]')
    monkeypatch.setenv("BUDWOOD_OBSERVER__USAGE__PATH", str(path))
    return path


@pytest.fixture
def recorder(path):
    """
    Records calls in this store.
    """
    recorder = Recorder(path)
    yield recorder
    recorder.close()


@pytest.fixture
def calls(recorder):
    """
    Record four calls of two models.
    """
    recorder.add("gpt-4.1", label="nightly", ago=3 * HOUR)
    recorder.add("gpt-4.1", cached=True, ago=2 * HOUR)
    recorder.add("gpt-5", cost=None, error=RateLimitError("secret message"), ago=HOUR)
    recorder.add("gpt-5", cost="0.000000000001", label="nightly", ago=60)


def test_table_sums_up_calls_by_model(budwood, calls):
    """
    A row for each model and a total; costs that are not complete are marked.
    """
    run = budwood("usage")

    assert run.returncode == 0, run.stderr
    assert [line.split() for line in run.stdout.splitlines()] == [
        ["model", "calls", "errors", "cached", "input", "output", "cost", "saved"],
        ["gpt-4.1", "2", "0", "1", "1,000", "20", "$0.25", "$0.25"],
        ["gpt-5", "2", "1", "0", "1,000", "20", "<$0.000001+", "$0"],
        ["total", "4", "1", "1", "2,000", "40", "$0.25+", "$0.25"],
    ]
    assert "the cost of some calls is not known (1 call)" in run.stderr
    assert "`budwood telemetry view --json` shows why" in run.stderr
    assert "secret" not in run.stdout + run.stderr


def test_json_has_exact_costs(budwood, calls):
    """
    Costs are texts, so that no digit is lost; groups are named.
    """
    rows = json.loads(budwood("usage", "--by", "label,model", "--json").stdout)

    assert [(row["label"], row["model"], row["calls"]) for row in rows] == [
        (None, "gpt-4.1", 1),
        (None, "gpt-5", 1),
        ("nightly", "gpt-4.1", 1),
        ("nightly", "gpt-5", 1),
    ]
    assert rows[-1]["cost"] == "0.000000000001"
    assert rows == json.loads(budwood("usage", "--by", "label", "--by", "model", "--format", "json").stdout)


def test_csv_can_be_read(budwood, recorder):
    """
    It has a header, and quotes what must be quoted.
    """
    recorder.add(label='a "label", with\nall')
    [row] = csv.DictReader(io.StringIO(budwood("usage", "--by", "label", "--format", "csv").stdout))

    assert (row["label"], row["calls"], row["cost"]) == ('a "label", with\nall', "1", "0.250000000000")


def test_bars_are_as_wide_as_the_terminal(budwood, calls):
    """
    The longest bar fills the line, the others are in proportion; no cost has no bar.
    """
    run = budwood("usage", "--by", "model", "--format", "bars", COLUMNS="60")

    first, second = run.stdout.splitlines()
    assert (first.split()[:2], second.split()[:2]) == (["gpt-4.1", "$0.25"], ["gpt-5", "<$0.000001"])
    assert len(first) == 60
    assert second.count("█") == 1


def test_bars_show_calls_if_no_cost_is_known(budwood, recorder):
    """
    Local models have no price.
    """
    recorder.add(cost=None)
    recorder.add(cost=None)

    assert budwood("usage", "--format", "bars").stdout.split()[:2] == ["gpt-4.1", "2"]


def test_bars_leave_room_beside_long_names(budwood, recorder):
    """
    A name has one line, and at most 40 characters.
    """
    recorder.add(label="two\nlines " + "x" * 100)
    [line] = budwood("usage", "--by", "label", "--format", "bars", COLUMNS="80").stdout.splitlines()

    assert line.startswith("two lines xxx")
    assert line.index("…") == 39
    assert len(line) == 80


@pytest.mark.parametrize(
    ("since", "count"),
    [("90m", 2), ("1.5h", 2), (" 2.5 h", 3), ("5400s", 2), ("7d", 4), ("2w", 4), ("2020-01-01", 4)],
)
def test_forms_of_since(budwood, calls, since, count):
    """
    A time ago in seconds, minutes, hours, days or weeks, or a date.
    """
    [row] = json.loads(budwood("usage", "--since", since, "--by", "provider", "--json").stdout)

    assert row["calls"] == count


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "yesterday"),
        ("--since", "-1h"),
        ("--until", "99999999999d"),
        ("--by", "prompt"),
        ("--format", "xml"),
    ],
)
def test_wrong_arguments_are_usage_errors(budwood, calls, arguments):
    """
    The message names the option, and says what is valid.
    """
    run = budwood("usage", *arguments)

    assert run.returncode == 2
    assert arguments[0] in run.stderr
    assert "Traceback" not in run.stderr


def test_unknown_group_is_answered_with_all_groups(budwood, calls):
    """
    Also with the tags that need no prefix.
    """
    run = budwood("usage", "--by", "nonsense")

    assert run.returncode == 2
    assert "grouped by 'nonsense'" in run.stderr
    assert "team, user, client" in " ".join(run.stderr.split())


@pytest.mark.parametrize(("cost", "unknown", "text"), [("0", 3, "?"), ("0.5", 3, "$0.50+"), ("0", 0, "$0")])
def test_cost_of_which_nothing_is_known_is_a_question_mark(cost, unknown, text):
    """
    A sum of which only a part is known has a plus.
    """
    totals = SimpleNamespace(cost=Decimal(cost), unknown_costs=unknown)

    assert _format_cost(totals, format_dollars) == text


def test_filters_select_calls(budwood, calls):
    """
    By provider, model, label and end of the time.
    """

    def count(*arguments):
        return sum(row["calls"] for row in json.loads(budwood("usage", "--json", *arguments).stdout))

    assert count("--model", "openai/gpt-5") == 2
    assert count("--label", "nightly") == count("--model", "gpt-5") == count("--until", "90m") == 2
    assert count("--provider", "openai") == 4
    assert count("--provider", "other") == 0


def test_empty_store_says_how_calls_are_recorded(budwood, path, monkeypatch):
    """
    Nothing is created, the status is 0, and JSON is an empty list.
    """
    listed = budwood("usage")
    monkeypatch.delenv("BUDWOOD_OBSERVERS")
    unlisted, as_json = budwood("usage"), budwood("usage", "--json")

    assert (listed.returncode, listed.stdout, listed.stderr) == (0, "", "no calls in this time\n")
    assert 'observers = ["usage"]' in unlisted.stderr
    assert as_json.stdout == "[]\n"
    assert not path.exists()


def test_damaged_store_is_an_error(budwood, path):
    """
    It is not replaced in silence, and the message ends with one period.
    """
    path.write_bytes(b"no database at all")
    run = budwood("usage")

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.endswith("renames it to usage.sqlite3.corrupt.\n")
    assert path.read_bytes() == b"no database at all"


def test_newer_store_is_an_error_with_the_cure(budwood, calls, path):
    """
    The status is that of the configuration.
    """
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    run = budwood("usage")

    assert run.returncode == 3
    assert "Update budwood-usage" in run.stderr


def test_dropped_calls_are_visible(budwood, recorder):
    """
    Their number is written beside the table.
    """
    recorder.add()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("budwood_usage.writer.MAX_WAITING", 0)
        recorder.add()

    run = budwood("usage")

    assert run.stdout.split()[9] == "1"
    assert "1 call could not be recorded" in run.stderr


def test_without_a_store_the_hint_says_what_to_install(tmp_path, monkeypatch):
    """
    An observer that keeps no records is not a store.
    """
    from budwood.errors import ConfigurationError, PluginNotFoundError
    from budwood.plugins import Instances
    from budwood_cli.usage_store import open_store

    def find_nothing(*_):
        raise PluginNotFoundError("no such plugin")

    monkeypatch.setattr(Instances, "build", find_nothing)
    with pytest.raises(ConfigurationError) as caught, open_store():
        pass
    assert "Install budwood-usage" in caught.value.hint


def test_narrow_terminal_leaves_columns_out(terminal, calls):
    """
    At 60 columns no line is wrapped: the least important columns are left out.
    """
    run = terminal("usage", COLUMNS="60")
    assert run.end() == 0

    lines = run.shown.splitlines()[:4]
    assert lines[0].split() == ["model", "calls", "errors", "cached", "input", "output", "cost"]
    assert max(map(len, lines)) <= 60


def test_group_that_is_given_twice_counts_once(budwood, calls):
    """
    The table is the one of a single group, with its total.
    """
    assert budwood("usage", "--by", "model,model").stdout == budwood("usage").stdout


def test_path_that_is_a_folder_is_an_error(budwood, tmp_path, path, monkeypatch):
    """
    Otherwise only the log would tell that no call is recorded.
    """
    monkeypatch.setenv("BUDWOOD_OBSERVER__USAGE__PATH", str(tmp_path))

    run = budwood("usage")

    assert run.returncode == 3
    assert f"[observer.usage] path: {tmp_path} is a folder." in run.stderr
    assert f"such as {path}." in run.stderr


def test_services_of_media_have_their_names(budwood, path):
    """
    Calls for images, speech and transcripts are recorded, each under the name of its service.
    """
    budwood("image", "-m", "offline/image", "A boat", "-o", "boat.png")
    budwood("speak", "-m", "offline/speech", "Hello", "-o", "hello.wav")
    budwood("transcribe", "-m", "offline/transcription", "hello.wav")

    rows = json.loads(budwood("usage", "--by", "service", "--json").stdout)

    assert {row["service"]: row["calls"] for row in rows} == {"image": 1, "speech": 1, "transcription": 1}


def test_calls_are_grouped_and_selected_by_tags(budwood, recorder):
    """
    Calls without the tag are in a group of their own.
    """
    recorder.add(tags={"user": "ada", "team": "a"})
    recorder.add(tags={"user": "ada"})
    recorder.add(tags={"user": "bob", "team": "a"})
    recorder.add()

    groups = json.loads(budwood("usage", "--by", "tag:user", "--json").stdout)
    table = budwood("usage", "--by", "tag:user", "--tag", "team=a").stdout.splitlines()

    assert {row["tag:user"]: row["calls"] for row in groups} == {None: 1, "ada": 2, "bob": 1}
    assert [line.split()[:2] for line in table] == [["tag:user", "calls"], ["ada", "1"], ["bob", "1"], ["total", "2"]]


@pytest.mark.parametrize("arguments", [("--tag", "user"), ("--tag", "=x"), ("--tag", "a b=x"), ("--by", "tag:a b")])
def test_invalid_tags_are_errors_of_their_option(budwood, recorder, arguments):
    """
    The error names the option.
    """
    recorder.add()
    run = budwood("usage", *arguments)

    assert run.returncode == 2
    assert arguments[0] in run.stderr
