import pytest

from tests.benchmarks import memory, startup
from tests.benchmarks.figures import Spread
from tests.benchmarks.measures import MEASURES
from tests.benchmarks.results import Results
from tests.benchmarks.roster import ROSTER
from tests.benchmarks.targets import TARGETS, Figure, Target, check_target

OURS = Figure("sync", "budwood")
THEIRS = Figure("sync", "httpx")


def create_results(ours, theirs=()):
    """Create results of one measure."""
    results = Results()
    for name, samples in (("budwood", ours), ("httpx", theirs)):
        for sample in samples:
            results.add("sync", name, {"cpu_us": sample})
    return results


@pytest.mark.parametrize(("bound", "met"), [(0.49, False), (0.5, True)])
def test_bound_is_inclusive(bound, met):
    """
    A target is met at its bound, and not above it.
    """
    target = Target(name="ratio", value=OURS, against=THEIRS, bound=bound)

    assert check_target(target, create_results([1.0, 3.0], [2.0, 6.0])) == (target, Spread(0.5, 0.5, 0.5), met)


@pytest.mark.parametrize(("bound", "met"), [(0.95, True), (1.01, False)])
def test_at_least_makes_the_bound_a_minimum(bound, met):
    """
    With `at_least` a target is met at its bound, and not below it.
    """
    target = Target(name="share", value=OURS, against=THEIRS, bound=bound, at_least=True)

    assert check_target(target, create_results([1.0], [1.0])).met is met


def test_value_without_a_reference_is_checked_itself():
    """
    Without a reference the value itself is checked.
    """
    assert check_target(Target(name="size", value=OURS, bound=15.0), create_results([12.0])).found == Spread(
        12.0, 12.0, 12.0
    )


@pytest.mark.parametrize("unmeasured", [create_results([]), create_results([1.0])])
def test_unmeasured_target_has_no_result(unmeasured):
    """
    A target without samples has no result and does not fail.
    """
    result = check_target(Target(name="ratio", value=OURS, against=THEIRS, bound=1.0), unmeasured)

    assert result.met is None
    assert not result.fails


@pytest.mark.parametrize(("explanation", "fails"), [("", True), ("The rest is spent on sockets.", False)])
def test_missed_target_fails_without_an_explanation(explanation, fails):
    """
    A missed target fails only without an explanation.
    """
    target = Target(name="ratio", value=OURS, against=THEIRS, bound=0.1, explanation=explanation)

    assert check_target(target, create_results([1.0], [1.0])).fails is fails


def test_every_target_uses_existing_measures():
    """
    Every target's measure and contender exist.
    """
    measured = {*startup.TITLES, "installed", *(one.name for one in (*MEASURES, *memory.MEMORY))}
    programs = {startup.BARE, "budwood --help", "import typer", "its imports", "16,000 characters", "8 times 2,000"}
    known = programs | {contender.name for contender in ROSTER}

    for target in TARGETS:
        for figure in filter(None, (target.value, target.against)):
            assert figure.measure in measured
            assert figure.contender in known


def test_every_contender_has_a_file_and_pinned_versions():
    """
    Every requirement is pinned, except Budwood's own.
    """
    for contender in ROSTER:
        assert all(one.startswith("./") or "==" in one for one in contender.requirements)
        assert bool(contender.requirements) == bool(contender.imports) == bool(contender.first_call)
