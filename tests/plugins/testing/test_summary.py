"""Untested claims are listed at the end of a run, or fail in a strict suite; other runs print nothing."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

SUITE = """
from budwood_testing import CacheSuite


class TestMemory(CacheSuite):
    plugin = "memory"
    persists = True  # it does not; the tests that need a store are skipped
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
    Run pytest on one file in a new process, and return its output.
    """

    def run(source, *options):
        (tmp_path / "test_it.py").write_text(source, "utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_it.py"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout

    return run


def test_summary_lists_untested_claims(run_pytest):
    """
    Each claim is listed once, below its suite, with the tests that were skipped because of it.
    """
    output = run_pytest(SUITE.format(strict=False), "-k", "breaks_during_use")

    assert "claims that were not tested" in output
    assert "test_it.py::TestMemory" in output
    assert "memory: a store that breaks raises OSError. Implement break_store() to test this." in output
    assert "(test_store_that_breaks_during_use_raises_os_error)" in output
    assert "1 skipped" in output


def test_strict_suite_fails_for_untested_claims(run_pytest):
    """
    In a strict suite, an untested claim is a failure instead.
    """
    output = run_pytest(SUITE.format(strict=True), "-k", "breaks_during_use")

    assert "Failed: not tested: memory: a store that breaks raises OSError" in output
    assert "1 failed" in output
    assert "claims that were not tested" not in output


def test_other_runs_print_no_summary(run_pytest):
    """
    A project without suites sees no summary, even if it skips tests.
    """
    output = run_pytest(ORDINARY)

    assert "1 skipped" in output
    assert "not tested" not in output


def test_summary_imports_only_the_standard_library():
    """
    Pytest loads the summary in every run, so it must not import Budwood, pytest or hypothesis.
    """
    (entry,) = entry_points(group="pytest11", name="budwood")
    program = f"import sys, {entry.module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert entry.module in loaded
    assert set(loaded).isdisjoint({"budwood", "pydantic", "pytest", "hypothesis", "budwood_testing.suites"})
