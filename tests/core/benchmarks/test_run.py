import itertools

import pytest

from tests.benchmarks import run
from tests.benchmarks.measures import MEASURES
from tests.benchmarks.results import Results
from tests.benchmarks.roster import Contender, named
from tests.benchmarks.rounds import grouped


def chosen(monkeypatch, *options):
    """Understand a command line."""
    monkeypatch.setattr("sys.argv", ["run", *options])
    return run.choice(run.parsed())


def test_without_options_everything_is_measured(monkeypatch):
    """
    The full run leaves nothing out: every target is judged.
    """
    found = chosen(monkeypatch)

    assert found.measures == list(run.NAMES)
    assert {contender.kind for contender in found.contenders} == {"budwood", "bare", "peer"}


def test_quick_asks_no_peer(monkeypatch):
    """
    Budwood and the bare clients are enough to see that it runs.
    """
    found = chosen(monkeypatch, "--quick")

    assert {contender.kind for contender in found.contenders} == {"budwood", "bare"}
    assert set(found.measures) < set(run.NAMES)


def test_who_lacks_a_package_is_left_out(capsys):
    """
    A transport that is not installed takes no part, and the reader is told.
    """
    contenders = [Contender("odd", "Odd", "budwood", (), "odd", packages=("no-such-distribution",)), *named(["socket"])]

    assert [one.name for one in run.present(contenders)] == ["socket"]
    assert "odd is left out: no-such-distribution is not installed" in capsys.readouterr().err


def test_the_suite_fails_for_what_is_ours():
    """
    That another library fails is told in the report, and does not stop anyone.
    """
    results = Results()
    results.failures["sync"] = {"budwood": "ValueError: no", "litellm": "RuntimeError: no", "httpx": "no answer"}

    assert run.failures(results) == ["sync, budwood: ValueError: no"]


def test_one_measure_of_two_contenders(monkeypatch):
    """
    What is named on the command line is what is measured.
    """
    found = chosen(monkeypatch, "--only", "sync", "--contenders", "httpx,budwood", "--rounds", "2")

    assert found.measures == ["sync"]
    assert [contender.name for contender in found.contenders] == ["budwood", "httpx"]
    assert found.rounds == found.start_rounds == 2


@pytest.mark.parametrize(("option", "known"), [("--only", "async-32"), ("--contenders", "litellm")])
def test_an_unknown_name_is_answered_with_the_known_ones(monkeypatch, option, known):
    """
    Whoever mistypes a name is told which there are.
    """
    with pytest.raises(SystemExit, match=known):
        chosen(monkeypatch, option, "unknown")


def test_measures_of_one_group_share_their_rounds():
    """
    Within each round 1,000 in flight are compared with 32, and calls with a schema with plain ones.
    """
    groups = [[measure.name for measure in group] for group in grouped(MEASURES)]

    assert ["sync", "structured-sync", "dictionary-sync", "tools-sync"] in groups
    plain = ["async-1", "async-32", "async-256", "async-1000"]
    assert [*plain, "structured-async", "dictionary-async", "tools-async"] in groups
    assert list(itertools.chain(*groups)) == [measure.name for measure in MEASURES]
