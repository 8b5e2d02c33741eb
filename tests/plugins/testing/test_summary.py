"""What goes unproved is listed at the end of a run, or fails where a suite is strict; other runs see nothing of it."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

SUITE = """
from budwood_testing import CacheSuite


class TestMemory(CacheSuite):
    plugin = "memory"
    persists = True  # it does not: without the settings of a store nothing else of this claim is tried
    strict = {strict}
"""
ORDINARY = """
import pytest


def test_nothing():
    pytest.skip("not today")
"""


@pytest.fixture
def run_pytest(tmp_path):
    """
    Run pytest on one file in a process of its own, and return what it printed.
    """

    def run(source, *options):
        (tmp_path / "test_it.py").write_text(source, "utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_it.py"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout

    return run


def test_summary_lists_what_went_unproved(run_pytest):
    """
    Each claim once, below its suite, with the tests that were skipped for it.
    """
    shown = run_pytest(SUITE.format(strict=False), "-k", "namespaces or breaks_in_use")

    assert "claims that went unproved" in shown
    assert "test_it.py::TestMemory" in shown
    assert "memory: other_namespace(…) is not stated" in shown
    assert "(test_namespaces_do_not_see_each_other)" in shown
    assert "(test_store_that_breaks_in_use_is_an_os_error)" in shown
    assert "2 skipped" in shown


def test_strict_suite_fails_for_what_is_unproved(run_pytest):
    """
    What would be listed is a failure instead.
    """
    shown = run_pytest(SUITE.format(strict=True), "-k", "namespaces or breaks_in_use")

    assert "Failed: unproved: memory: other_namespace(…) is not stated" in shown
    assert "2 failed" in shown
    assert "claims that went unproved" not in shown


def test_other_runs_print_nothing_of_it(run_pytest):
    """
    A project that uses no suite sees no summary, also where it skips tests.
    """
    shown = run_pytest(ORDINARY)

    assert "1 skipped" in shown
    assert "unproved" not in shown


def test_other_runs_import_nothing_for_it():
    """
    The module of the summary is loaded in every run: it brings neither Budwood nor pytest nor hypothesis.
    """
    (entry,) = entry_points(group="pytest11", name="budwood")
    program = f"import sys, {entry.module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert entry.module in loaded
    assert set(loaded).isdisjoint({"budwood", "pydantic", "pytest", "hypothesis", "budwood_testing.suites"})
