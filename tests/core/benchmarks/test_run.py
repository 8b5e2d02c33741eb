import itertools

import pytest

from tests.benchmarks import run
from tests.benchmarks.measures import MEASURES
from tests.benchmarks.results import Results
from tests.benchmarks.roster import Contender, select_contenders
from tests.benchmarks.rounds import group_measures


def select(monkeypatch, *options):
    """Return the selection of a command line."""
    monkeypatch.setattr("sys.argv", ["run", *options])
    return run.select(run.parse_arguments())


def test_default_measures_everything(monkeypatch):
    """
    A full run includes every measure, so that every target is checked.
    """
    choice = select(monkeypatch)

    assert choice.measures == list(run.NAMES)
    assert {contender.kind for contender in choice.contenders} == {"budwood", "bare", "peer"}


def test_quick_excludes_peers(monkeypatch):
    """
    A quick run includes only Budwood and the bare clients.
    """
    choice = select(monkeypatch, "--quick")

    assert {contender.kind for contender in choice.contenders} == {"budwood", "bare"}
    assert set(choice.measures) < set(run.NAMES)


def test_contender_without_its_package_is_skipped(capsys):
    """
    A contender whose package is not installed is skipped with a message.
    """
    contenders = [
        Contender("odd", "Odd", "budwood", (), "odd", packages=("no-such-distribution",)),
        *select_contenders(["socket"]),
    ]

    assert [one.name for one in run.select_installed(contenders)] == ["socket"]
    assert "odd is skipped: not installed: no-such-distribution" in capsys.readouterr().err


def test_only_failures_of_budwood_fail_the_run():
    """
    Failures of other libraries are only in the report.
    """
    results = Results()
    results.failures["sync"] = {"budwood": "ValueError: no", "litellm": "RuntimeError: no", "httpx": "no answer"}

    assert run.list_failures(results) == ["sync, budwood: ValueError: no"]


def test_options_select_measures_and_contenders(monkeypatch):
    """
    Only the named measures and contenders are selected.
    """
    choice = select(monkeypatch, "--only", "sync", "--contenders", "httpx,budwood", "--rounds", "2")

    assert choice.measures == ["sync"]
    assert [contender.name for contender in choice.contenders] == ["budwood", "httpx"]
    assert choice.rounds == choice.start_rounds == 2


@pytest.mark.parametrize(("option", "known"), [("--only", "async-32"), ("--contenders", "litellm")])
def test_unknown_name_lists_the_known_ones(monkeypatch, option, known):
    """
    The error for an unknown name lists the known ones.
    """
    with pytest.raises(SystemExit, match=known):
        select(monkeypatch, option, "unknown")


def test_measures_of_a_group_share_rounds():
    """
    Calls with 1,000 and 32 in flight share rounds, as do calls with a schema and plain ones.
    """
    groups = [[measure.name for measure in group] for group in group_measures(MEASURES)]

    assert ["sync", "structured-sync", "dictionary-sync", "tools-sync"] in groups
    plain = ["async-1", "async-32", "async-256", "async-1000"]
    assert [*plain, "structured-async", "dictionary-async", "tools-async"] in groups
    assert list(itertools.chain(*groups)) == [measure.name for measure in MEASURES]
