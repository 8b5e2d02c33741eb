"""Runs the mutants in subprocesses, and collects which tests failed."""

import importlib
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[3]


def list_files(suite):
    """
    Return the files with a suite's mutants: those in the folder of its name, or the file of its name.
    """
    return sorted(FOLDER.glob(f"{suite}/*.py")) or [FOLDER / f"{suite}.py"]


def list_mutants(suite):
    """
    Return the tests that must catch each mutant of a suite, by the mutant's name.
    """
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in list_files(suite)]
    return {
        kind.__name__: kind.caught_by
        for module in map(importlib.import_module, names)
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__name__.startswith("Test") and kind.caught_by
    }


def run_file(file, folder):
    """
    Run the tests of a file, and return their output and the test cases of the JUnit report.

    Assertions are not rewritten: comparing large bodies would take minutes.
    """
    report = folder / f"{file.parent.name}-{file.stem}.xml"
    options = ["-q", "-p", "no:cacheprovider", "--assert=plain", f"--junitxml={report}"]
    command = [sys.executable, "-m", "pytest", *options, str(file)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert report.is_file(), f"{run.stdout}{run.stderr}"
    return run.stdout, list(ET.parse(report).iter("testcase"))


class Outcomes:
    """
    The names of the tests of a suite's mutants, by class: all, the failed ones and those with errors.
    """

    def __init__(self, runs):
        self.printed = "".join(printed for printed, _ in runs)
        self.run = defaultdict(set)
        self.failed = defaultdict(set)
        self.errors = defaultdict(set)
        for case in (case for _, cases in runs for case in cases):
            kind, test = case.get("classname").rpartition(".")[2], case.get("name").partition("[")[0]
            self.run[kind].add(test)
            if case.find("failure") is not None:
                self.failed[kind].add(test)
            if case.find("error") is not None:
                self.errors[kind].add(test)
