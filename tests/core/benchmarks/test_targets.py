import pytest

from tests.benchmarks import memory, startup
from tests.benchmarks.figures import Spread
from tests.benchmarks.measures import MEASURES
from tests.benchmarks.results import Results
from tests.benchmarks.roster import ROSTER
from tests.benchmarks.targets import TARGETS, Figure, Target, judge

OURS = Figure("sync", "budwood")
THEIRS = Figure("sync", "httpx")


def results(ours, theirs=()):
    """Make results of one measure."""
    made = Results()
    for name, samples in (("budwood", ours), ("httpx", theirs)):
        for sample in samples:
            made.add("sync", name, {"cpu_us": sample})
    return made


@pytest.mark.parametrize(("bound", "met"), [(0.49, False), (0.5, True)])
def test_a_ratio_may_be_what_its_bound_says(bound, met):
    """
    A target is met at its bound, and not above.
    """
    target = Target(name="ratio", value=OURS, against=THEIRS, bound=bound)

    assert judge(target, results([1.0, 3.0], [2.0, 6.0])) == (target, Spread(0.5, 0.5, 0.5), met)


@pytest.mark.parametrize(("bound", "met"), [(0.95, True), (1.01, False)])
def test_at_least_turns_the_bound_around(bound, met):
    """
    A share of completed calls is met at its bound, and not below.
    """
    target = Target(name="share", value=OURS, against=THEIRS, bound=bound, at_least=True)

    assert judge(target, results([1.0], [1.0])).met is met


def test_a_value_counts_by_itself():
    """
    Without another figure the value is held against the bound.
    """
    assert judge(Target(name="size", value=OURS, bound=15.0), results([12.0])).found == Spread(12.0, 12.0, 12.0)


@pytest.mark.parametrize("made", [results([]), results([1.0])])
def test_what_was_not_measured_is_neither_met_nor_missed(made):
    """
    Where one side is missing there is no verdict, and nothing fails.
    """
    verdict = judge(Target(name="ratio", value=OURS, against=THEIRS, bound=1.0), made)

    assert verdict.met is None
    assert not verdict.fails


@pytest.mark.parametrize(("explanation", "fails"), [("", True), ("The rest is spent on sockets.", False)])
def test_a_missed_target_fails_unless_it_is_explained(explanation, fails):
    """
    An explanation beside the target is what keeps the suite from failing.
    """
    target = Target(name="ratio", value=OURS, against=THEIRS, bound=0.1, explanation=explanation)

    assert judge(target, results([1.0], [1.0])).fails is fails


def test_every_target_speaks_of_what_is_measured():
    """
    A target whose measure or contender is mistyped would never be judged.
    """
    measured = {*startup.TITLES, "installed", *(one.name for one in (*MEASURES, *memory.MEMORY))}
    programs = {startup.BARE, "import typer", "its imports", "16,000 characters", "8 times 2,000"}
    known = programs | {contender.name for contender in ROSTER}

    for target in TARGETS:
        for figure in filter(None, (target.value, target.against)):
            assert figure.measure in measured
            assert figure.contender in known


def test_every_contender_has_its_file_and_pinned_versions():
    """
    What is installed is pinned, but for what is ours.
    """
    for contender in ROSTER:
        assert all(one.startswith("./") or "==" in one for one in contender.requirements)
        assert bool(contender.requirements) == bool(contender.imports) == bool(contender.first_call)
