import contextlib
import subprocess

import pytest

from tests.benchmarks import generation, generation_page
from tests.benchmarks.generation import (
    AIOHTTP,
    BUDWOOD,
    CASES,
    PEERS,
    QUICK_BESIDE_PEERS,
    Benchmark,
    count_turns,
    create_latency,
)
from tests.benchmarks.generation_page import (
    END,
    LARGE_ROWS,
    PAGE,
    START,
    Result,
    check_targets,
    format_tables,
    replace_figures,
)
from tests.benchmarks.generation_starts import measure_starts
from tests.benchmarks.generation_worker import Case
from tests.benchmarks.processes import run_server
from tests.benchmarks.server import parse_path

pytestmark = pytest.mark.one_python

FIGURES = {"efficiency": 0.9, "span": 2.0, "calls": 400.0, "cpu_ms": 1.0, "rss_mb": 60.0}


@pytest.fixture
def benchmark_on_server():
    """
    A benchmark with a server.
    """
    with run_server() as server:
        yield Benchmark(server)


@pytest.mark.parametrize("turns", [0, 3])
def test_a_run_is_measured_against_its_reference(benchmark_on_server, turns):
    """
    Values are compared with the client alone, conversations with an ideal scheduler; every call is counted.
    """
    case = Case(slots=4, mean=0.01, rows=24, turns=turns)
    result = benchmark_on_server.compare(case)

    assert result.run["calls"] == (2 * sum(count_turns(case)) - case.rows if turns else case.rows)
    assert 0 < result.run["efficiency"] <= 1
    assert result.ratio > 0
    assert (result.client_cpu_ms is None) == bool(turns)


def test_all_get_the_same_latencies():
    """
    Each name at the server, and the simulation, have the same sequence from its start.
    """
    expected = create_latency(0.01)
    sequence = [expected() for _ in range(5)]

    for name in (b"one", b"two"):
        latency = parse_path(b"/for-%s/lognormal-10-0.5/v1/chat/completions" % name).latency
        assert [latency() for _ in range(5)] == pytest.approx(sequence)


def test_a_framework_that_fails_is_in_the_table(benchmark_on_server, monkeypatch):
    """
    The other frameworks are measured all the same.
    """

    def measure(_benchmark, contender, _case):
        if contender.name == "curator":
            raise subprocess.TimeoutExpired("python", 180)
        return FIGURES

    monkeypatch.setattr(Benchmark, "_measure", measure)
    (case,) = QUICK_BESIDE_PEERS
    benchmark_on_server.compare_with_peers(case, benchmark_on_server.compare(case).run)
    table = format_tables([], benchmark_on_server.results, benchmark_on_server.peers)

    assert [peer.label for peer in benchmark_on_server.peers[case]] == [
        AIOHTTP.label,
        BUDWOOD.label,
        *(peer.label for peer in PEERS[1:]),
    ]
    assert "| Curator | failed: TimeoutExpired |" in table
    assert "| NeMo Data Designer | 2.0 | 90.0% | 1.00 | 1.00 | 1.0 | 60 |" in table


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, []),
        ({"cpu_ms": 1.31}, ["CPU a call"]),
        ({"rss_mb": 81.0}, ["peak memory"]),
    ],
)
def test_the_large_case_has_targets_of_cost(changes, missed):
    """
    CPU time and memory are checked where the imports are a small part.
    """
    result = Result(Case(256, 1.0, LARGE_ROWS), FIGURES | changes, ratio=0.99)

    assert [target.name.rpartition(": ")[2] for target in check_targets([result]) if not target.is_met] == missed


def test_low_efficiency_misses_its_target():
    """
    A run must reach 98 % of its reference.
    """
    (target,) = check_targets([Result(Case(16, 1.0, 100), FIGURES, ratio=0.979)])

    assert not target.is_met
    assert "**no**" in format_tables([target], [], {})


def test_figures_are_replaced_in_the_page():
    """
    The text around them stays, however often they are replaced.
    """
    page = PAGE.read_text("utf-8")
    once = replace_figures(page, "| old |")
    twice = replace_figures(once, "| new |")

    assert (page.count(START), page.count(END)) == (1, 1)
    assert twice.startswith(page.partition(START)[0])
    assert "| new |" in twice
    assert "| old |" not in twice


def test_a_quick_run_writes_no_page(monkeypatch, capsys):
    """
    It only prints.
    """
    monkeypatch.setattr("sys.argv", ["generation", "--quick"])
    monkeypatch.setattr(generation, "write_page", lambda *_: pytest.fail("the page was written"))
    monkeypatch.setattr(generation, "measure_starts", lambda *_: [])
    monkeypatch.setattr(Benchmark, "_measure", lambda *_: FIGURES)

    generation.main()

    assert "16 slots, 0.2 s, 400 values" in capsys.readouterr().out


@pytest.mark.parametrize(("ratio", "is_missed"), [(1.0, False), (0.5, True)])
def test_a_full_run_writes_the_page(monkeypatch, tmp_path, ratio, is_missed):
    """
    It has the figures of all cases, with the machine. A missed target fails the run afterwards.
    """
    page = tmp_path / "generation.md"
    page.write_text(f"# Benchmarks\n\n{START}{END}", "utf-8")
    monkeypatch.setattr("sys.argv", ["generation"])
    monkeypatch.setattr(generation_page, "PAGE", page)
    monkeypatch.setattr(generation, "prepare_environment", lambda _contender: None)
    monkeypatch.setattr(generation, "measure_starts", lambda *_: [])
    monkeypatch.setattr(generation, "describe_machine", describe_machine)
    monkeypatch.setattr(Benchmark, "_measure", lambda *_: FIGURES)
    monkeypatch.setattr(generation, "ideal_seconds", lambda *_, **__: ratio * FIGURES["span"])

    with pytest.raises(SystemExit, match="missed") if is_missed else contextlib.nullcontext():
        generation.main()

    text = page.read_text("utf-8")
    assert all(case.name in text for case in CASES)
    assert "- Curator: bespokelabs-curator 1.0" in text


def describe_machine(contenders):
    """Return a machine on which every package has the same version."""
    versions = {contender.name: dict.fromkeys(contender.packages, "1.0") for contender in contenders}
    names = ("date", "python", "system", "processor", "cpus")
    return dict.fromkeys(names, "x") | {"memory_gb": None, "versions": versions}


def test_starts_are_measured():
    """
    The first call, the memory and the resume of runs that are larger than what they do.
    """
    with run_server() as server:
        targets = measure_starts(server, {"calls": 20, "few": 200, "many": 2500, "most": 3000, "finished": 100})

    assert [target.name.partition(":")[0] for target in targets] == [
        "3,000 rows",
        "2,500 rows, to 200",
        "100 rows, to 200",
        "100 rows",
    ]
    assert all(target.found for target in targets)
